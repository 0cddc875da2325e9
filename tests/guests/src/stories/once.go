// Kind: golang/go#73159, #29207, #49929: FailNow and SkipNow (Goexit) of a testing package within Once, in deferred functions, after a panic. The
// shape of testing.T without its weight; with --all tests/stories.py takes the real one.
package main

import (
	"runtime"
	"sync"
)

type test struct {
	name   string
	failed bool
}

func (t *test) Fail()                       { t.failed = true }
func (t *test) FailNow()                    { t.Fail(); runtime.Goexit() }
func (t *test) SkipNow()                    { runtime.Goexit() }
func (t *test) Log(s string, v interface{}) { say(t.name, s, v) }

func runTest(name string, f func(t *test)) {
	t, over := &test{name: name}, make(chan bool)
	go func() {
		finished := false
		defer func() {
			t.Log("over, finished and failed:", finished)
			t.Log("failed:", t.failed)
			close(over)
		}()
		f(t)
		finished = true
	}()
	<-over
}

var once sync.Once

func onceSetup(t *test) {
	once.Do(func() {
		defer t.Log("setup's deferred", nil)
		t.SkipNow()
	})
	t.Log("setup is through", nil)
}

func onceFatal(t *test) {
	defer t.Log("first deferred", nil)
	defer func() {
		t.Log("from deferred:", recover())
		t.FailNow()
	}()
	panic("real reason")
}

func onceMasked(t *test) {
	defer t.FailNow()
	panic("masked")
}

func onceCase() {
	runTest("A", onceSetup)
	runTest("B", onceSetup)
	runTest("Fatal", onceFatal)
	runTest("Masked", onceMasked)
}
