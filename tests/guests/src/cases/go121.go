//go:build go1.21
// +build go1.21

// Cases that need the language of go 1.21: type parameters, min, max, clear, slices to arrays, signed shift counts.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
)

func init() {
	add("go121", map[string]func(){
		"generic":  genericDefer,
		"methods":  genericMethods,
		"builtins": newBuiltins,
		"toarray":  sliceToArray,
		"shift":    negativeShift,
		"slices":   genericSlices,
		"join":     joinErrors,
		"once":     onceValue,
	})
}

//go:noinline
func markAny[T any](v T) { say("generic", v) }

func deferAll[T any](list ...T) {
	for _, v := range list {
		defer markAny(v)
	}
	defer markAny[[]T](list)
}

func genericDefer() {
	deferAll(1, 2, 3)
	deferAll("a", "b")
	deferAll(point{1, 2})
	defer markAny[error](nil)
}

type holder[T any] struct{ value T }

//go:noinline
func (h *holder[T]) rescue() { say(fmt.Sprintf("%T", h.value), "rescues", recover()) }

func mustPanic[T any](v T) {
	h := holder[T]{v}
	defer h.rescue()
	panic(v)
}

func genericMethods() {
	mustPanic(1)
	mustPanic("text")
	mustPanic([]int{1})
}

func newBuiltins() {
	m, s := map[int]int{1: 2}, []int{1, 2}
	func() {
		defer clear(m)
		defer clear(s)
		say(min(3, 1, 2), max(2.5, 1), min("b", "a"))
	}()
	say(len(m), s[0], s[1])
}

func sliceToArray() {
	s := []int{1, 2, 3}
	say([3]int(s)[1], (*[2]int)(s)[0])
	attempt("too short", func() { _ = [4]int(s) })
	attempt("too short, pointer", func() { use((*[5]int)(s)) })
}

func negativeShift() {
	n := zero - 1
	attempt("shift", func() { use(five << n) })
	say(five << (n + 3))
}

func genericSlices() {
	s := numbers(200)
	slices.Sort(s)
	i, found := slices.BinarySearch(s, s[77])
	say(i, found, slices.Max(s) == s[199])
	slices.SortFunc(s, func(a, b int) int { return cmp.Compare(a%100, b%100) })
	say(s[0]%100, s[199]%100)
}

func joinErrors() {
	e1, e2 := errors.New("one"), fmt.Errorf("two: %w", errors.ErrUnsupported)
	err := errors.Join(e1, e2)
	say(err, errors.Is(err, errors.ErrUnsupported), errors.Is(err, e1))
}

func onceValue() {
	f := sync.OnceValue(func() int { panic("once value") })
	attempt("first", func() { f() })
	attempt("second", func() { f() })
}
