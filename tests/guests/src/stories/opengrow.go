// Kind: golang/go#40629: a fault in a function with open-coded defers, and the stack is copied while it panics.
package main

type config struct {
	pad [4]int
	val *int
}

//go:noinline
func growFor(n int) (r int) {
	var a [256]int
	for i := range a {
		a[i] = n
	}
	if n > 0 {
		r = growFor(n - 1)
	}
	return r + a[n%256]
}

//go:noinline
func load(c *config, k string) (v int, err string) {
	name := k + "!"
	defer func() {
		s := growFor(30)
		if r := recover(); r != nil {
			say(name, r, s)
			err = name
		}
	}()
	if len(k) > 3 {
		defer func(p *string) { growFor(60); *p += "?" }(&name)
	}
	v = *c.val
	return v + 1, ""
}

func openGrow() {
	x := 5
	v, err := load(&config{val: &x}, "ok")
	say(v, err)
	v, err = load(nil, "nil config")
	say(v, err)
	v, err = load(&config{}, "abc")
	say(v, err)
}
