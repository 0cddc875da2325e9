// Command recover73916 has the shape of golang/go#73916: a deferred call with an argument, whose function calls a helper that
// calls recover. The helper is not the deferred function, so recover must give nil and the program must crash. Where the
// compiler's wrapper for the deferred call has the function inlined (1.22 to 1.25, optimised), the helper is taken for it.
package main

import "fmt"

func deferred(tag int) {
	helper(tag)
}

//go:noinline
func helper(tag int) {
	if r := recover(); r != nil {
		fmt.Println("recovered", tag, r)
	}
}

func main() {
	defer deferred(1)
	panic("boom")
}
