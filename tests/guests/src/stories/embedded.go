// Kind: golang/go#52025, defer of a promoted method: when the receiver is fixed, and which frame decides a recover called by it.
package main

type base struct{ name string }

func (b *base) Done()     { say("done", b != nil, recover() != nil) }
func (b base) Print()     { say("value", b.name) }
func (b *base) Rec() bool { r := recover(); say("rec", b.name, r); return r != nil }

type mid struct{ *base }
type top struct {
	mid
	n int
}
type doer interface{ Done() }

func promoted() {
	t := &top{}
	defer t.Done()
	t.base = &base{"late"}
	panic("A")
}

func throughInterface() {
	t := &top{mid{&base{"x"}}, 1}
	var d doer = t
	defer d.Done()
	t.base = nil
	panic("B")
}

func methodValue() {
	t := top{mid{&base{"mv"}}, 1}
	f := t.Rec
	defer f()
	t.base = nil
	panic("C")
}

func methodExpression() {
	t := top{mid{&base{"me"}}, 1}
	f := (*top).Rec
	defer f(&t)
	panic("D")
}

func valueCopy() {
	t := top{mid{&base{"copied"}}, 1}
	defer t.Print()
	t.base.name = "changed"
}

func nilReceiver() {
	defer func() { say("nilReceiver", recover()) }()
	t := top{}
	defer t.Print()
	say("unreached")
}

func embedded() {
	defer func() { say("embedded", recover()) }()
	promoted()
	throughInterface()
	methodValue()
	methodExpression()
	valueCopy()
	nilReceiver()
}
