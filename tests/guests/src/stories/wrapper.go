// Kind: golang/go#73916, #73920, #23557, #74426: recover in helpers, wrappers and method values; inlining must not matter.
package main

func help(tag string) bool {
	if r := recover(); r != nil {
		say(tag, "recovered", r)
		return true
	}
	say(tag, "nothing")
	return false
}

type V int

func (v V) Direct()   { say("V.Direct", recover()) }
func (v V) Indirect() { help("V.Indirect") }

type P struct{ *V }

func withArgument(n int) { help("withArgument") }

var expression = (*V).Direct
var expressionIndirect = (*P).Indirect

func wrapper() {
	v := V(1)
	p := P{&v}
	attempt("direct helper", func() { defer help("h"); panic(1) })
	attempt("helper in closure", func() { defer func() { help("hc") }(); panic(2) })
	attempt("helper in function with argument", func() { defer withArgument(3); panic(3) })
	attempt("method expression", func() { defer expression(&v); panic(4) })
	attempt("method expression, indirect", func() { defer expressionIndirect(&p); panic(5) })
	attempt("interface", func() { var i interface{ Direct() } = p; defer i.Direct(); panic(6) })
	attempt("method value", func() { f := p.Direct; defer f(); panic(7) })
	attempt("method value, indirect", func() { f := p.Indirect; defer f(); panic(8) })
	attempt("recover itself", func() { defer recover(); panic(9) })
	attempt("nested closure", func() { defer func() { func() { recover() }() }(); panic(10) })
	attempt("deferred in deferred", func() { defer func() { defer func() { say("did", recover()) }() }(); panic(11) })
	attempt("too early", func() { recover(); panic(12) })
}
