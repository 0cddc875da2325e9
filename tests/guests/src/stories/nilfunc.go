// Kind: golang/go#41180, #15466, #29797: a nil function, channel or interface is deferred: where it faults and which defers run.
package main

import "errors"

type closer interface{ Close() error }

//go:noinline
func acquire(ok bool) (func(), error) {
	if ok {
		return func() { say("cancel") }, nil
	}
	return nil, errors.New("no")
}

func viaFunc() {
	defer say("viaFunc: still runs")
	cancel, err := acquire(false)
	if err != nil {
		say("forgot to return:", err)
	}
	defer cancel()
	say("body")
}

func viaChan() {
	var c chan int
	defer close(c)
	say("body 2")
}

func viaInterface() {
	var c closer
	defer c.Close()
	say("not reached: a nil interface faults at the defer statement")
}

func nilFunc() {
	attempt("func", viaFunc)
	attempt("chan", viaChan)
	attempt("interface", viaInterface)
}

func nilFuncCrash() {
	viaFunc()
}
