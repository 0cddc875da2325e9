//go:build go1.13
// +build go1.13

// Cases that need the library of go 1.13: wrapped errors.
package main

import (
	"errors"
	"fmt"
	"os"
)

func init() {
	add("go113", map[string]func(){
		"wrap":   wrapErrors,
		"unwrap": unwrapPanic,
	})
}

func (f *failure) Unwrap() error { return f.next }

func wrapErrors() {
	err := fmt.Errorf("outer: %w", &failure{7, os.ErrNotExist})
	var f *failure
	say(err, errors.Is(err, os.ErrNotExist), errors.As(err, &f), f.code, errors.Unwrap(err) == error(f))
}

func unwrapPanic() {
	defer func() {
		err, _ := recover().(error)
		var f *failure
		say(errors.As(err, &f), f.code)
	}()
	panic(fmt.Errorf("wrapped: %w", &failure{code: 9}))
}
