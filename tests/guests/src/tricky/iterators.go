//go:build go1.23
// +build go1.23

package main

import "runtime"

func init() {
	table["range-return"] = rangeReturn
	table["range-panics"] = rangePanics
	table["range-nested"] = rangeNested
	table["range-goexit"] = rangeGoexit
}

func upTo(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		defer mark8(1000 + n)
		for i := 0; i < n; i++ {
			defer mark8(1100 + i)
			if !yield(i) {
				return
			}
		}
	}
}

//go:noinline
func firstAbove(n int) (r int) {
	defer func() { r *= 2 }()
	for i := range upTo(6) {
		defer mark8(i)
		for j := range upTo(3) {
			defer mark16(i, j)
			if i+j > n {
				return i
			}
		}
	}
	return -1
}

func rangeReturn() { say(firstAbove(2), firstAbove(100)) }

func rangePanics() {
	attempt(func() {
		for i := range upTo(3) {
			defer mark8(i)
			if i == 1 {
				panic("in the body")
			}
		}
	})
	attempt(func() {
		for i := range func(yield func(int) bool) {
			defer recovered()
			yield(1)
			panic("in the iterator")
		} {
			defer mark8(i)
		}
	})
	attempt(func() {
		for i := range upTo(2) {
			defer func() {
				defer mark8(i)
				panic(i)
			}()
		}
	})
}

func rangeNested() {
	for i := range upTo(2) {
		func() {
			defer recovered()
			for j := range upTo(2) {
				defer mark16(i, j)
				defer func() {
					for k := range upTo(2) {
						defer mark16(j, k)
					}
				}()
			}
			panic(i)
		}()
	}
}

func rangeGoexit() {
	inGoroutine(func() {
		defer mark8(1)
		for i := range upTo(3) {
			defer mark8(i)
			defer recovered()
			if i == 1 {
				runtime.Goexit()
			}
		}
	})
}
