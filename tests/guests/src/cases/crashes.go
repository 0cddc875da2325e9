// Programs that end by an uncaught panic or a fatal error: what the runtime writes, and the exit status 2.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
	"unsafe"
)

func init() {
	add("crash", map[string]func(){
		"string":    func() { panic("plain text") },
		"error":     func() { panic(errors.New("an error")) },
		"stringer":  func() { panic(time.Duration(1500) * time.Millisecond) },
		"int":       func() { panic(42) },
		"float":     func() { panic(2.5) },
		"bool":      func() { panic(true) },
		"struct":    func() { panic(point{1, 2}) },
		"lines":     func() { panic("two\nlines") },
		"named":     func() { panic(named("named string")) },
		"nil":       func() { nilPoint.x = 1 },
		"nilfunc":   func() { nilFunc() },
		"index":     func() { use([]int{1}[five]) },
		"division":  func() { use(five / zero) },
		"nilmap":    func() { nilMap["a"] = 1 },
		"assertion": func() { var v interface{} = 1; use(v.(string)) },
		"closed":    func() { c := make(chan int); close(c); close(c) },
		"defers":    crashDefers,
		"nested":    crashNested,
		"repanic":   crashRepanic,
		"again":     crashAgain,
		"deferfunc": crashDeferFunc,
		"goroutine": crashGoroutine,
		"deep":      crashDeep,
		"deadlock":  crashDeadlock,
		"goexit":    runtime.Goexit,
		"overflow":  crashOverflow,
		"unlock":    func() { var m sync.Mutex; m.Unlock() },
		"fault":     func() { *(*int)(unsafe.Pointer(uintptr(0xdead0000 + zero))) = 1 },
		"badmethod": func() { panic(badStringer{}) },
		"exitcode":  crashExitCode,
		"all":       crashAll,
		"memory":    func() { use(make([]byte, 1<<46+zero)) },
	})
}

type named string

type badStringer struct{}

func (badStringer) Error() string { panic("Error panics itself") }

func crashDefers() {
	defer mark8(1)
	defer func() { say("still panicking, not recovered") }()
	through(3)
}

func crashNested() {
	defer func() {
		defer func() { panic("third") }()
		panic("second")
	}()
	panic("first")
}

func crashRepanic() {
	defer func() { panic(recover()) }()
	panic("thrown again")
}

func crashAgain() {
	defer func() {
		say("recovered", recover())
		panic("a new one")
	}()
	panic("recovered before")
}

func crashDeferFunc() {
	var f func()
	defer mark8(1)
	defer f()
	say("body")
}

func crashGoroutine() {
	go func() {
		defer mark8(1)
		panic("in goroutine")
	}()
	select {}
}

func crashDeep() {
	var down func(int)
	down = func(n int) {
		if n == 0 {
			panic("from below 150 frames")
		}
		down(n - 1)
	}
	down(150)
}

func crashDeadlock() {
	defer say("never")
	c := make(chan int)
	<-c
}

//go:noinline
func endless(n int) int { return endless(n+1) + 1 }

func crashOverflow() {
	debug.SetMaxStack(1 << 20)
	defer say("never")
	endless(0)
}

func crashExitCode() {
	defer os.Exit(9)
	panic("the deferred exit wins")
}

func crashAll() {
	debug.SetTraceback("all")
	started := make(chan bool)
	for i := 0; i < 2; i++ {
		go func() {
			started <- true
			select {}
		}()
	}
	<-started
	<-started
	time.Sleep(5 * time.Millisecond)
	panic(fmt.Sprintf("with %d more goroutines", 2))
}
