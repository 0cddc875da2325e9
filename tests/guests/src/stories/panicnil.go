// Kind: golang/go#25448, #80727: panic(nil) before and after 1.21, and telling it from Goexit.
package main

import "runtime"

func classify(name string, f func()) {
	done := make(chan string)
	go func() {
		normal, recovered := false, false
		var val interface{}
		defer func() {
			switch {
			case normal:
				done <- "returned"
			case recovered:
				say("value", val)
				done <- "panicked"
			default:
				done <- "Goexit"
			}
		}()
		func() {
			defer func() {
				if !normal {
					val = recover()
				}
			}()
			f()
			normal = true
		}()
		if !normal {
			recovered = true
		}
	}()
	say(name, <-done)
}

func panicNil() {
	classify("return", func() {})
	classify("nil", func() { panic(nil) })
	classify("goexit", runtime.Goexit)
	classify("error", func() { var e error; panic(e) })
	classify("value", func() { panic(3.5) })
}

func panicNilCrash() {
	panic(nil)
}
