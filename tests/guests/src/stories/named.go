// Kind: golang/go#43835, #14725: named results in functions that recover; results that escape to the heap.
package main

import "errors"

type node struct{ next *node }

//go:noinline
func namedTuple(p *int) (ok bool, n int) {
	defer func() { recover() }()
	ok, n = true, *p
	return
}

//go:noinline
func namedLooped() (x int, err error) {
	for i := 0; ; i++ {
		i := i
		defer func() {
			if r := recover(); r != nil {
				err = errors.New("round: " + r.(error).Error())
			}
			x += i
		}()
		if i == 3 {
			var n *node
			x = 100
			n.next = nil
		}
	}
}

//go:noinline
func namedAddressed() (r int) {
	p := &r
	defer func() {
		recover()
		*p *= 2
	}()
	r = 21
	var m map[string]int
	m["x"] = 1
	return 7
}

func named() {
	ok, n := namedTuple(nil)
	say("tuple", ok, n)
	x, err := namedLooped()
	say("looped", x, err)
	say("addressed", namedAddressed())
}
