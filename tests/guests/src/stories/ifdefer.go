// Kind: a breakpoint on the line behind a conditional defer: each call of the function stops there once.
package main

import "os"

//go:noinline
func conditional(verbose bool) int {
	n := len(os.Args)
	if verbose {
		defer say("leaving")
	}
	n += 40
	return n
}

func ifDefer() {
	say(conditional(false))
	say(conditional(true))
	say(conditional(false))
}
