// Kind: go-delve/delve#956, #582, #2661: next over returns and panics with deferred functions, over inlined calls of the library.
package main

import "fmt"

type file struct{ name string }

func (f *file) Close() error {
	say("close", f.name)
	return nil
}

func openFile(n string) *file { return &file{n} }

func copyFile(dst, src string) (n int, err error) {
	in := openFile(src)
	defer in.Close()
	out := openFile(dst)
	defer out.Close()
	n = len(dst)
	n += len(src)
	return n, nil
}

//go:noinline
func mayPanic(k int) int {
	if k > 1 {
		panic("k")
	}
	return k
}

func safe(k int) (r int) {
	defer func() {
		if x := recover(); x != nil {
			r = -1
		}
	}()
	r = 5
	r = mayPanic(k)
	return r
}

func next() {
	n, err := copyFile("dst", "srcfile")
	fmt.Println(n, err)
	a := safe(1)
	b := safe(2)
	fmt.Println(a, b)
}
