// Stacks that grow, move and shrink below pending defers, and what a program can see of its own stack.
package main

import (
	"runtime"
	"strings"
	"unsafe"
)

func init() {
	add("stack", map[string]func(){
		"grow":      stackGrow,
		"growloop":  stackGrowLoop,
		"growpanic": stackGrowPanic,
		"growargs":  stackGrowArgs,
		"indefer":   stackGrowInDefer,
		"shrink":    stackShrink,
		"goroutine": stackGoroutine,
		"deep":      stackDeep,
		"addresses": stackAddresses,
		"callers":   stackCallers,
		"bigframe":  stackBigFrame,
		"gcdeep":    stackGCDeep,
	})
}

//go:noinline
func descend(n int) int {
	var pad [64]int
	pad[n&63] = n
	if n == 0 {
		return 0
	}
	return descend(n-1) + pad[n&63] - n + 1
}

// grows runs f in a goroutine, whose stack starts small.
func grows(f func()) {
	done := make(chan bool)
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func stackGrow() {
	grows(func() {
		local := 1
		p := &local
		defer func() { say("pointer still good", local == *p, local) }()
		defer mark16(1, 2)
		defer func(q *int) { *q += 10; say("argument points at the local", q == p) }(&local)
		say("depth", descend(500))
		local++
	})
}

func stackGrowLoop() {
	grows(func() {
		total := 0
		for i := 0; i < 6; i++ {
			v := i
			p := &v
			defer func() { say("loop", *p, v) }()
			total += descend(20 << uint(i))
		}
		say("total", total)
	})
}

//go:noinline
func descendAndPanic(n int) {
	var pad [32]int
	pad[n&31] = n
	defer func() {
		if n%100 == 0 {
			say("unwinds", pad[n&31])
		}
	}()
	if n == 0 {
		panic("deep")
	}
	descendAndPanic(n - 1)
}

func stackGrowPanic() {
	grows(func() {
		local := 5
		defer func() { say("recovered", recover(), local) }()
		defer func() { local++ }()
		descendAndPanic(400)
	})
}

func stackGrowArgs() {
	grows(func() {
		b := bulk{name: "moved"}
		for i := range b.words {
			b.words[i] = i * 2
		}
		c := &counter{1}
		defer markBulk(b, 1)
		defer c.bump(descend(300))
		defer mark40("moved too", b.words[:7])
		for i := 0; i < 2; i++ {
			defer markBulk(b, i+2)
		}
		say("depth", descend(700))
	})
}

func stackGrowInDefer() {
	grows(func() {
		defer func() { say("in the first deferred call", descend(900)) }()
		defer func() {
			say("in the second, panicking", descend(600))
			say(recover())
			say("after recover", descend(1200))
		}()
		panic("grow")
	})
}

func stackShrink() {
	grows(func() {
		local := 7
		p := &local
		defer func() { say("after shrinking", *p, local) }()
		for i := 0; i < 3; i++ {
			local += descend(2000) - 2000
			runtime.GC()
			runtime.GC()
			defer mark8(i)
		}
		func() {
			defer recovered()
			local += descend(100) - 100
			panic("shrunk")
		}()
	})
}

func stackGoroutine() {
	out := make(chan int, 10)
	for i := 0; i < 10; i++ {
		go func(i int) {
			defer func() { out <- recover().(int) }()
			defer func() { panic(descend(i*50) + i) }()
		}(i)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-out
	}
	say("sum", sum)
}

func stackDeep() { say("depth", descend(40000)) }

//go:noinline
func address(n int) {
	local := n
	here := uintptr(unsafe.Pointer(&local))
	println2("addr local", n, here)
	defer func() { println2("addr deferred sees local", n, uintptr(unsafe.Pointer(&local))) }()
	if n > 0 {
		address(n - 1)
	}
}

func println2(what string, n int, v uintptr) {
	const digits = "0123456789abcdef"
	var text [18]byte
	text[0], text[1] = '0', 'x'
	for i := range text[2:] {
		text[2+i] = digits[v>>uint(60-4*i)&15]
	}
	say(what, n, string(text[:]))
}

func stackAddresses() {
	address(3)
	grows(func() { address(2) })
}

// callers says who is on the stack, the runtime's own frames included, one line that a test may normalise.
//
//go:noinline
func callers(tag string) {
	var pcs [24]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	var names []string
	for {
		f, more := frames.Next()
		names = append(names, strings.Replace(f.Function, "main.", "", 1))
		if !more {
			break
		}
	}
	say("addr callers of", tag, strings.Join(names, " < "))
}

//go:noinline
func callersIn(n int) {
	defer callers("deferred in frame " + string('0'+rune(n)))
	if n == 0 {
		panic("callers")
	}
	callersIn(n - 1)
}

func stackCallers() {
	defer callers("normal return")
	func() {
		defer func() {
			callers("recovering")
			say("recovered", recover())
		}()
		callersIn(2)
	}()
	func() {
		defer recovered()
		defer callers("after a fault")
		nilPoint.x = 1
	}()
	inGoroutine(func() {
		defer callers("Goexit")
		runtime.Goexit()
	})
}

func stackBigFrame() {
	grows(func() {
		var big [20000]int
		defer func() { say("big", big[19999], len(big)) }()
		for i := range big {
			big[i] = i
		}
		say(descend(10) + big[123])
	})
}

//go:noinline
func collectAt(n int, list []*int) int {
	v := n
	list = append(list, &v)
	defer func() { v = -v }()
	if n == 0 {
		runtime.GC()
		sum := 0
		for _, p := range list {
			sum += *p
		}
		return sum
	}
	return collectAt(n-1, list)
}

func stackGCDeep() { grows(func() { say("sum", collectAt(200, nil)) }) }
