// Kind: golang/go#35378, Goexit while a panic runs, and an older panic that resurfaces: which panics end how.
package main

import "runtime"

func leave(tag string) {
	say("leave", tag, recover())
	runtime.Goexit()
}

// goexitQuiet: Goexit drops the panic that ran it.
func goexitQuiet() {
	defer say("quiet: last")
	defer runtime.Goexit()
	panic("hidden by Goexit")
}

// goexitLoud: two panics are recovered and left by Goexit; a third one of a deferred function is recovered within it.
func goexitLoud() {
	defer func() {
		defer func() { say("inner recover", recover()) }()
		panic("third")
	}()
	defer leave("B")
	defer func() {
		defer leave("A")
		panic("second")
	}()
	panic("first")
}

// goexitLoudest ends the process: a panic while Goexit runs deferred functions.
func goexitLoudest() {
	defer func() { panic("after Goexit") }()
	defer runtime.Goexit()
	panic("before Goexit")
}

// apart runs f in a goroutine of its own that ends however it likes.
func apart(f func()) {
	over := make(chan bool)
	go func() {
		defer close(over)
		f()
		say("not reached")
	}()
	<-over
}

func goexit() {
	apart(goexitQuiet)
	apart(goexitLoud)
}

func goexitCrash() {
	go goexitLoudest()
	<-make(chan bool)
}
