// Command golines has two faces: one for each side of a change that the go line of go.mod decides, not the release (loop
// variables since go 1.22, panic(nil) since go 1.21). It is built with go.mod and with the newer go.*.mod.
package main

import "fmt"

func loopVariables() {
	for i := 0; i < 3; i++ {
		defer func() { fmt.Println("loop variable", i) }()
	}
}

func nilPanic() (what string) {
	defer func() {
		if r := recover(); r == nil {
			what = "nil"
		} else {
			what = fmt.Sprintf("%T", r)
		}
	}()
	panic(nil)
}

func main() {
	loopVariables()
	fmt.Println("panic(nil) recovers", nilPanic())
}
