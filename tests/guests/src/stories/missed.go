// Kind: golang/go#43939, #43921, #48898: deferred calls that panics in deferred functions of open-coded frames skip or run late (1.14 to 1.17).
package main

func tell(what string, v interface{}) { say(what, v) }

//go:noinline
func missedInner() {
	defer func() {
		defer func() { tell("c: recover", recover()) }()
		defer func() { panic("three") }()
		panic("two")
	}()
	defer func() { tell("b: recover", recover()) }()
	panic("one")
}

//go:noinline
func missedMiddle() {
	defer func() { tell("middle's deferred", nil) }()
	missedInner()
	tell("middle goes on", nil)
}

//go:noinline
func missedOuter() {
	x := 77
	defer tell("outer's deferred", x)
	func() {
		defer func() { tell("innermost", nil) }()
		panic("four")
	}()
}

func missed() {
	defer func() {
		tell("missed: recover", recover())
		defer func() { tell("missed: second recover", recover()) }()
		func() {
			defer func() { panic("six") }()
			panic("five")
		}()
	}()
	missedMiddle()
	missedOuter()
}
