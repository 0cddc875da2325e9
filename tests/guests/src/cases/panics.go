// Panics and recoveries: nested, repeated, at every depth, through wrappers, and runtime.Goexit among them.
package main

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
)

func init() {
	add("panic", map[string]func(){
		"values":       panicValues,
		"order":        panicOrder,
		"nested":       panicNested,
		"nested3":      panicNested3,
		"replaced":     panicReplaced,
		"repanic":      panicRepanic,
		"inside":       panicInside,
		"insideboth":   panicInsideBoth,
		"aborted":      panicAborted,
		"through":      panicThrough,
		"many":         panicMany,
		"loopframes":   panicLoopFrames,
		"openframes":   panicOpenFrames,
		"recursive":    panicRecursive,
		"conditional":  panicConditional,
		"indeferloop":  panicInDeferLoop,
		"afterrecover": panicAfterRecover,
		"bigframe":     panicBigFrame,
		"nil":          panicNil,
		"custom":       panicCustom,
		"goroutines":   panicGoroutines,
	})
	add("recover", map[string]func(){
		"depths":      recoverDepths,
		"helper":      recoverHelper,
		"helperdepth": recoverHelperDepth,
		"inlined":     recoverInlined,
		"nothing":     recoverNothing,
		"twice":       recoverTwice,
		"nestedfunc":  recoverNestedFunc,
		"method":      recoverMethod,
		"promoted":    recoverPromoted,
		"interface":   recoverInterface,
		"methodvalue": recoverMethodValue,
		"reflect":     recoverReflect,
		"continues":   recoverContinues,
		"results":     recoverResults,
		"indefer":     recoverInDefer,
		"argument":    recoverArgument,
		"runtime":     recoverRuntime,
		"loop":        recoverLoop,
		"registers":   recoverRegisters,
	})
	add("goexit", map[string]func(){
		"defers":    goexitDefers,
		"recover":   goexitRecover,
		"panic":     goexitPanic,
		"inpanic":   goexitInPanic,
		"nested":    goexitNested,
		"deep":      goexitDeep,
		"loop":      goexitLoop,
		"recovered": goexitRecovered,
		"indefer":   goexitInDefer,
	})
}

type point struct{ x, y int }

func panicValues() {
	for _, v := range []interface{}{1, "text", 2.5, errors.New("wrong"), point{1, 2}, &point{3, 4}, true, []int{1}, 'r', byte(7)} {
		func() {
			defer func() {
				r := recover()
				if p, ok := r.(*point); ok {
					r = *p
				}
				say(fmt.Sprintf("%T", r), r)
			}()
			panic(v)
		}()
	}
}

func panicOrder() {
	defer recovered()
	defer mark8(1)
	defer func() { say("panicking still") }()
	defer mark8(2)
	say("body")
	panic("order")
}

func panicNested() {
	defer recovered()
	defer func() {
		say("first deferred panics again")
		panic("second")
	}()
	panic("first")
}

func panicNested3() {
	defer recovered()
	defer func() {
		defer func() {
			defer func() {
				panic("fourth")
			}()
			panic("third")
		}()
		panic("second")
	}()
	panic("first")
}

func panicReplaced() {
	func() {
		defer recovered()
		defer func() { panic(3) }()
		defer func() { panic(2) }()
		defer mark8(7)
		panic(1)
	}()
	say("nothing left:", recover() == nil)
}

func panicRepanic() {
	defer recovered()
	func() {
		defer func() {
			r := recover()
			say("caught", r, "throws it again")
			panic(r)
		}()
		panic("same")
	}()
	say("not reached")
}

// panicInside: a deferred function panics and recovers by itself while an outer panic is under way.
func panicInside() {
	defer recovered()
	defer func() {
		func() {
			defer recovered()
			panic("inner")
		}()
		say("inner is over, outer goes on")
	}()
	panic("outer")
}

func panicInsideBoth() {
	defer func() { say("outside", recover() == nil) }()
	defer func() {
		defer func() { say("outer", recover()) }()
		defer func() { say("inner", recover()) }()
		panic("inner")
	}()
	defer recovered()
	panic("outer")
}

// panicAborted: the new panic leaves the frame in which the old one was being handled; the old one is dropped with it.
func panicAborted() {
	defer func() {
		say("last", recover())
		say("again", recover() == nil)
	}()
	func() {
		defer func() {
			defer func() { say("deferred by the aborted one") }()
			panic("new")
		}()
		panic("old")
	}()
}

//go:noinline
func through(n int) {
	defer mark8(n)
	if n%2 == 0 {
		defer func() { say("even", n) }()
	}
	if n == 0 {
		panic("bottom")
	}
	through(n - 1)
	say("never", n)
}

func panicThrough() {
	defer recovered()
	through(7)
}

func panicMany() {
	n := 0
	for i := 0; i < 500; i++ {
		func() {
			defer func() { n += recover().(int) }()
			panic(i)
		}()
	}
	say("sum", n)
}

func panicLoopFrames() {
	defer recovered()
	for i := 0; i < 3; i++ {
		defer mark8(i)
	}
	func() {
		for i := 10; i < 13; i++ {
			defer mark8(i)
		}
		func() {
			defer mark8(20)
			panic("loops")
		}()
	}()
}

//go:noinline
func openFrame(n int) {
	defer mark8(n*10 + 1)
	if n&1 != 0 {
		defer mark8(n*10 + 2)
	}
	defer func() {
		if n == 2 {
			say("frame 2 recovers", recover())
		}
	}()
	if n == 0 {
		var p *point
		say(p.x)
	}
	openFrame(n - 1)
	say("frame", n, "returns")
}

func panicOpenFrames() { openFrame(4) }

// panicRecursive: each deferred call panics anew until the count is used up, as recursive error handlers do.
func panicRecursive() {
	defer recovered()
	var again func(int)
	again = func(n int) {
		defer func() {
			say("handler", n)
			if n > 0 {
				again(n - 1)
			}
		}()
		panic(fmt.Sprint("level ", n))
	}
	again(4)
}

func panicConditional() {
	for bits := 0; bits < 4; bits++ {
		func() {
			defer recovered()
			if bits&1 != 0 {
				defer mark8(1)
			}
			if bits == 2 {
				panic("between")
			}
			if bits&2 != 0 {
				defer mark8(2)
			}
			panic(bits)
		}()
	}
}

func panicInDeferLoop() {
	defer recovered()
	for i := 0; i < 4; i++ {
		i := i
		defer func() {
			if i == 2 {
				panic("from deferred 2")
			}
			say("deferred", i, recover())
		}()
	}
}

func panicAfterRecover() {
	defer recovered()
	func() {
		defer func() {
			say("first", recover())
			panic("second, after recovery")
		}()
		panic("first")
	}()
	say("not reached")
}

func panicBigFrame() {
	defer recovered()
	var big [4096]int
	for i := range big {
		big[i] = i
	}
	defer func() { say("big", big[4095], big[17]) }()
	func() {
		var more [2048]int
		more[5] = big[5]
		defer func() { say("more", more[5]) }()
		panic(more[5] + 1)
	}()
}

// panicNil: the go line of this module (1.12) keeps the old meaning, golines shows the new one.
func panicNil() {
	func() {
		defer func() { say("recover gives nil:", recover() == nil) }()
		panic(nil)
	}()
	say("goes on")
}

type failure struct {
	code int
	next error
}

func (f *failure) Error() string { return fmt.Sprint("failure ", f.code) }

func panicCustom() {
	defer func() {
		err := recover().(error)
		f, ok := err.(*failure)
		say(ok, f.code, err)
	}()
	panic(&failure{code: 42})
}

func panicGoroutines() {
	results := make(chan string)
	for i := 0; i < 8; i++ {
		go func(i int) {
			defer func() { results <- fmt.Sprint(recover()) }()
			var a []int
			if i&1 == 0 {
				panic("even")
			}
			a[i] = 1
		}(i)
	}
	even := 0
	for i := 0; i < 8; i++ {
		if <-results == "even" {
			even++
		}
	}
	say("even", even)
}

//go:noinline
func depth(n, at int) {
	defer func() {
		if n == at {
			say("recovers at", n, recover())
		} else {
			say("passes", n)
		}
	}()
	if n == 0 {
		panic(at)
	}
	depth(n-1, at)
	say("continues in", n)
}

func recoverDepths() {
	for at := 0; at <= 5; at++ {
		depth(5, at)
	}
}

//go:noinline
func callsRecover() interface{} { return recover() }

//go:noinline
func deferredHelper() { say("helper recovers nothing:", callsRecover() == nil) }

// recoverHelper: recover works in the deferred function only, not in what that calls.
func recoverHelper() {
	defer recovered()
	defer deferredHelper()
	defer func() { say("closure's helper recovers nothing:", callsRecover() == nil) }()
	panic("helper")
}

func recoverHelperDepth() {
	defer recovered()
	defer func() {
		func() {
			func() { say("two down:", recover() == nil) }()
			say("one down:", recover() == nil)
		}()
	}()
	panic("depth")
}

//go:noinline
func inlinedHelper() {
	if r := recover(); r != nil {
		say("the helper recovered", r)
	}
}

func inlinedWrapper(int) { inlinedHelper() }

// recoverInlined has the shape of golang/go#73916: releases differ, and so do optimised builds and others.
func recoverInlined() {
	defer func() {
		if r := recover(); r != nil {
			say("only the closure recovered", r)
		}
	}()
	defer inlinedWrapper(1)
	panic("inlined")
}

func recoverNothing() {
	say(recover() == nil)
	defer func() { say("no panic:", recover() == nil) }()
	func() { say(recover() == nil) }()
}

func recoverTwice() {
	defer func() {
		say("first", recover())
		say("second", recover() == nil)
	}()
	panic("once")
}

func recoverNestedFunc() {
	defer func() {
		defer func() {
			// The panic is not this call's: the deferring function was not called by the panic's frame but by a deferred one.
			say("nested:", recover() == nil)
		}()
		say("direct:", recover())
	}()
	panic("nested func")
}

type rescuer struct{ name string }

//go:noinline
func (r *rescuer) rescue() { say(r.name, "rescues", recover()) }

//go:noinline
func (r rescuer) rescueByValue() { say(r.name, "rescues by value", recover()) }

type promoted struct{ *rescuer }

type rescues interface {
	rescue()
	rescueByValue()
}

func recoverMethod() {
	r := &rescuer{"method"}
	func() { defer r.rescue(); panic(1) }()
	func() { defer r.rescueByValue(); panic(2) }()
	func() { defer rescuer.rescueByValue(*r); panic(3) }()
}

func recoverPromoted() {
	p := promoted{&rescuer{"promoted"}}
	func() { defer p.rescue(); panic(1) }()
	func() { defer p.rescueByValue(); panic(2) }()
	func() { defer (&p).rescue(); panic(3) }()
}

func recoverInterface() {
	var i rescues = &rescuer{"interface"}
	func() { defer i.rescue(); panic(1) }()
	func() { defer i.rescueByValue(); panic(2) }()
	i = promoted{&rescuer{"promoted interface"}}
	func() { defer i.rescue(); panic(3) }()
	func() { defer i.rescueByValue(); panic(4) }()
	i = &promoted{&rescuer{"pointer to promoted"}}
	func() { defer i.rescue(); panic(5) }()
	func() { defer i.rescueByValue(); panic(6) }()
}

func recoverMethodValue() {
	r := rescuer{"method value"}
	f, g := r.rescue, r.rescueByValue
	func() { defer f(); panic(1) }()
	func() { defer g(); panic(2) }()
	var i rescues = &r
	h := i.rescue
	func() { defer h(); panic(3) }()
}

func recoverReflect() {
	defer recovered()
	f := reflect.ValueOf(func() { say("called by reflect:", recover() == nil) })
	defer f.Call(nil)
	panic("reflect")
}

func recoverContinues() {
	func() {
		defer mark8(1)
		defer mark8(2)
		defer recovered()
		defer mark8(3)
		panic("middle")
	}()
	say("after")
}

//go:noinline
func recoverTo(n int) (result int, text string, err error) {
	defer func() {
		if r := recover(); r != nil {
			result, err = result*2, fmt.Errorf("recovered %v", r)
		}
	}()
	result, text = n, "set"
	if n > 1 {
		panic(n)
	}
	return n + 100, "returned", nil
}

func recoverResults() {
	for n := 0; n < 4; n++ {
		r, t, e := recoverTo(n)
		say(r, t, fmt.Sprint(e))
	}
}

func recoverInDefer() {
	defer mark8(1)
	defer func() {
		defer recovered()
		defer mark8(2)
		panic("in a deferred call, no panic before")
	}()
	say("body")
}

func recoverArgument() {
	defer func() { say("second gets it", recover()) }()
	func() {
		// recover() is evaluated here, when deferring: no panic yet.
		defer say("evaluated early", recover())
	}()
	panic("argument")
}

func recoverRuntime() {
	defer func() {
		e, ok := recover().(runtime.Error)
		say(ok, e)
	}()
	var m map[string]int
	m["x"] = 1
}

func recoverLoop() {
	for i := 0; i < 5; i++ {
		for j := 0; j < 2; j++ {
			func() {
				defer recovered()
				if i != 3 {
					panic(i*10 + j)
				}
			}()
		}
	}
}

// recoverRegisters: values that the compiler keeps in registers must be right after a recovery.
func recoverRegisters() {
	a, b, c, d, e, f := 1, 2, 3, 4, 5, 6
	x, y := 1.5, 2.5
	for i := 0; i < 10; i++ {
		func() {
			defer func() { recover() }()
			if i%2 == 0 {
				panic(i)
			}
		}()
		a, b, c, d, e, f = b+i, c, d*2%101, e+a, f^b, a
		x, y = y+float64(i), x*1.25
	}
	say(a, b, c, d, e, f, int(x*100), int(y*100))
}

// inGoroutine runs f in a goroutine of its own and waits for its end.
func inGoroutine(f func()) {
	done := make(chan bool)
	go func() {
		defer close(done)
		f()
		say("goroutine returns")
	}()
	<-done
}

func goexitDefers() {
	inGoroutine(func() {
		defer mark8(1)
		func() {
			defer mark8(2)
			defer mark8(3)
			runtime.Goexit()
		}()
		say("never")
	})
}

func goexitRecover() {
	inGoroutine(func() {
		defer func() { say("recover in Goexit gives nil:", recover() == nil) }()
		runtime.Goexit()
	})
}

// goexitPanic: a panic among the defers that Goexit runs is recovered; Goexit goes on.
func goexitPanic() {
	inGoroutine(func() {
		defer mark8(1)
		defer func() {
			defer recovered()
			panic("during Goexit")
		}()
		runtime.Goexit()
	})
}

// goexitRecovered: the recovery happens in the frame that called Goexit, which must not return all the same.
func goexitRecovered() {
	inGoroutine(func() {
		defer mark8(1)
		func() {
			defer recovered()
			defer func() { panic("during Goexit") }()
			runtime.Goexit()
		}()
		say("never")
	})
}

// goexitInPanic: Goexit called by a deferred function ends the panic.
func goexitInPanic() {
	inGoroutine(func() {
		defer func() { say("nothing to recover:", recover() == nil) }()
		defer func() {
			defer mark8(2)
			runtime.Goexit()
		}()
		panic("dropped")
	})
}

func goexitNested() {
	inGoroutine(func() {
		defer mark8(1)
		defer runtime.Goexit()
		defer func() {
			defer mark8(2)
			runtime.Goexit()
		}()
		runtime.Goexit()
	})
}

//go:noinline
func exitDeep(n int) {
	defer mark8(n)
	if n == 0 {
		runtime.Goexit()
	}
	exitDeep(n - 1)
}

func goexitDeep() { inGoroutine(func() { exitDeep(6) }) }

func goexitLoop() {
	inGoroutine(func() {
		for i := 0; i < 4; i++ {
			defer mark8(i)
		}
		func() {
			for i := 10; i < 12; i++ {
				defer func(i int) { say("loop", i, recover() == nil) }(i)
			}
			runtime.Goexit()
		}()
	})
}

func goexitInDefer() {
	inGoroutine(func() {
		defer mark8(1)
		defer runtime.Goexit()
		say("body returns normally")
	})
}
