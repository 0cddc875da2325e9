// Kind: what does this defer call: builtins, inlined methods, variadic and dynamic calls, calls with several results as arguments.
package main

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

type small struct{ n int }

func (s *small) inc()     { s.n++ }
func (s small) get() int  { return s.n }
func pair() (int, string) { return 1, "two" }
func two(a int, b string) { say("two", a, b) }

type incer interface{ inc() }

var wrapsMu sync.Mutex
var wrapsRW sync.RWMutex
var wrapsCount int64

//go:noinline
func wrapsLibrary(s *small, m map[string]int, c chan int) {
	n := len(os.Args)
	defer fmt.Println("println", n, s.n)
	defer fmt.Printf("%d %d\n", n, len(m))
	defer wrapsMu.Unlock()
	defer wrapsRW.RUnlock()
	defer atomic.AddInt64(&wrapsCount, 5)
	defer close(c)
	defer delete(m, "a")
	defer print("print ", n, "\n")
}

//go:noinline
func wrapsOwn(s *small, i incer, f func(int) int, b []byte) {
	defer s.inc()
	defer s.get()
	defer i.inc()
	defer f(3)
	defer two(pair())
	defer copy(b, "xyz")
	defer func(x int) { wrapsCount += int64(x) }(len(b))
}

func wraps() {
	wrapsMu.Lock()
	wrapsRW.RLock()
	s := &small{1}
	m := map[string]int{"a": 1, "b": 2}
	wrapsLibrary(s, m, make(chan int))
	b := make([]byte, 3)
	wrapsOwn(s, s, func(x int) int { wrapsCount += int64(x); return x }, b)
	say(int(wrapsCount), s.n, string(b))
}
