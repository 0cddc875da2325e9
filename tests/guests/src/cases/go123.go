//go:build go1.23
// +build go1.23

// Cases that need the language of go 1.23: range over functions, with defers, panics and coroutines.
package main

import (
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
)

func init() {
	add("rangefunc", map[string]func(){
		"defer":     rangeDefer,
		"nested":    rangeNested,
		"break":     rangeBreak,
		"return":    rangeReturn,
		"labels":    rangeLabels,
		"panic":     rangePanic,
		"recover":   rangeRecover,
		"iterpanic": rangeIteratorPanic,
		"iterdefer": rangeIteratorDefer,
		"misuse":    rangeMisuse,
		"pull":      rangePull,
		"pullpanic": rangePullPanic,
		"goexit":    rangeGoexit,
		"collect":   rangeCollect,
		"loopvar":   rangeLoopDefer,
		"integer":   rangeInteger,
	})
}

// count is an iterator with a defer of its own.
func count(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		defer say("iterator of", n, "ends")
		for i := 0; i < n; i++ {
			if !yield(i) {
				say("stopped at", i)
				return
			}
		}
	}
}

func pairs(n int) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for i := 0; i < n && yield(i, fmt.Sprint("v", i)); i++ {
		}
	}
}

// rangeDefer: a defer in the body belongs to the function around the loop, not to the body's closure.
func rangeDefer() {
	defer mark8(100)
	for i := range count(3) {
		defer mark8(i)
		say("body", i)
	}
	say("after the loop, before the defers")
}

func rangeNested() {
	for i := range count(2) {
		defer mark8(i * 10)
		for j, s := range pairs(2) {
			defer say("pair", i, j, s)
		}
	}
	say("end of function")
}

func rangeBreak() {
	for i := range count(10) {
		defer mark8(i)
		if i == 1 {
			continue
		}
		if i == 3 {
			break
		}
	}
	say("after")
}

//go:noinline
func returnsFrom(n int) (r int) {
	defer func() { r *= 10 }()
	for i := range count(5) {
		defer func() { r++ }()
		if i == n {
			return i
		}
	}
	return -1
}

func rangeReturn() {
	for n := 0; n < 7; n += 2 {
		say("result", returnsFrom(n))
	}
}

func rangeLabels() {
outer:
	for i := range count(3) {
		for j := range count(3) {
			defer mark16(i, j)
			if j == 1 {
				continue outer
			}
			if i == 1 {
				break outer
			}
		}
	}
	say("after")
}

func rangePanic() {
	defer recovered()
	for i := range count(5) {
		defer mark8(i)
		if i == 2 {
			panic("in the body")
		}
	}
}

func rangeRecover() {
	for i := range count(3) {
		func() {
			defer recovered()
			panic(i)
		}()
	}
	func() {
		for i := range count(4) {
			defer func() { say("deferred", i, recover()) }()
			if i == 2 {
				panic("recovered by the loop's own defer")
			}
		}
	}()
	say("after")
}

func rangeIteratorPanic() {
	defer recovered()
	for i := range func(yield func(int) bool) {
		defer say("iterator's defer")
		yield(1)
		panic("in the iterator")
	} {
		defer mark8(i)
	}
}

func rangeIteratorDefer() {
	for i := range func(yield func(int) bool) {
		defer func() { say("iterator recovers", recover()) }()
		yield(1)
		yield(2)
	} {
		defer mark8(i)
		if i == 2 {
			attempt("inner", func() { panic("body") })
		}
	}
	attempt("swallowed", func() {
		for range func(yield func() bool) {
			defer func() { recover() }()
			yield()
		} {
			panic("the iterator hides it")
		}
	})
}

func rangeMisuse() {
	attempt("goes on after false", func() {
		for range func(yield func() bool) { yield(); yield() } {
			break
		}
	})
	attempt("called after the loop", func() {
		var keep func() bool
		for range func(yield func() bool) { keep = yield; yield() } {
		}
		keep()
	})
}

func rangePull() {
	next, stop := iter.Pull(count(3))
	defer stop()
	for {
		v, ok := next()
		say("pulled", v, ok)
		if !ok {
			break
		}
	}
	next2, stop2 := iter.Pull2(pairs(10))
	k, v, ok := next2()
	say(k, v, ok)
	stop2()
	_, _, ok = next2()
	say(ok)
}

func rangePullPanic() {
	next, stop := iter.Pull(func(yield func(int) bool) {
		defer say("coroutine's defer")
		yield(1)
		panic("in the coroutine")
	})
	defer stop()
	v, ok := next()
	say(v, ok)
	attempt("next", func() { next() })
}

func rangeGoexit() {
	inGoroutine(func() {
		defer mark8(100)
		for i := range count(3) {
			defer mark8(i)
			if i == 1 {
				runtime.Goexit()
			}
		}
	})
}

func rangeCollect() {
	m := map[string]int{"c": 3, "a": 1, "b": 2}
	say(fmt.Sprint(slices.Sorted(maps.Keys(m)), slices.Collect(count(3))))
}

func rangeLoopDefer() {
	for i := range count(2) {
		for j := 0; j < 2; j++ {
			defer func() { say("closure", i, j) }()
		}
	}
}

func rangeInteger() {
	for i := range 3 {
		defer func() { say("integer", i) }()
	}
}
