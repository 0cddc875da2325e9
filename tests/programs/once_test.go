// Kind: golang/go#73159, #29207, #49929: FailNow and SkipNow of the real testing package, within Once, in deferred functions, after a panic.
// tests/stories.py --testing builds it with `go test -c`.
package once

import (
	"sync"
	"testing"
)

var once sync.Once

func setup(t *testing.T) {
	once.Do(func() {
		defer t.Log("setup's deferred")
		t.SkipNow()
	})
	t.Log("setup is through")
}

func TestA(t *testing.T) { setup(t) }
func TestB(t *testing.T) { setup(t) }

func TestFatalInDefer(t *testing.T) {
	defer t.Log("first deferred, failed: ", t.Failed())
	defer func() {
		r := recover()
		t.Fatalf("from deferred: %v", r)
	}()
	panic("real reason")
}

func TestMasked(t *testing.T) {
	defer t.FailNow()
	panic("masked")
}
