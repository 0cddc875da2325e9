package main

import "testing"

func TestBadRequest(t *testing.T) {
	if err := handle("bad"); err == nil || err.Error() != "bad: no such request" {
		t.Error(err)
	}
}

func TestGoodRequest(t *testing.T) {
	t.Parallel()
	if err := handle("good"); err != nil {
		t.Error(err)
	}
}
