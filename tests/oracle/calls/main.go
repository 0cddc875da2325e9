// A program that says itself which of its functions begin and return, in order: the oracle of `deferscope trace --level
// call` (tests/trace.py). Each function says "> name" first and "< name" last; one that is thrown away says no "<".
// To be built without inlining. Goroutines are numbered by the program itself, and run one after the other.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
	"sync"
)

var said strings.Builder

func enter(name string) { said.WriteString("> " + name + "\n") }
func leave(name string) { said.WriteString("< " + name + "\n") }

func fib(n int) int {
	enter("fib")
	r := n
	if n > 1 {
		r = fib(n-1) + fib(n-2)
	}
	leave("fib")
	return r
}

// Its stack grows several times, below it and in it.
func grow(n int) byte {
	enter("grow")
	var room [512]byte
	room[n%len(room)] = 1
	r := room[0]
	if n > 0 {
		r += grow(n - 1)
	}
	leave("grow")
	return r
}

func cleanup(what string) {
	enter("cleanup")
	said.WriteString(what + "\n")
	leave("cleanup")
}

func inLoop(n int) {
	enter("inLoop")
	for i := 0; i < n; i++ {
		defer cleanup("loop")
	}
	leave("inLoop")
}

func openCoded() {
	enter("openCoded")
	defer cleanup("first")
	defer cleanup("second")
	leave("openCoded")
}

func throws() {
	enter("throws")
	defer cleanup("while it panics")
	panic(errors.New("thrown"))
}

func between() {
	enter("between")
	throws()
	leave("between")
}

func catches() (err error) {
	enter("catches")
	defer catch(&err)
	between()
	leave("catches")
	return nil
}

func catch(err *error) {
	enter("catch")
	if r := recover(); r != nil {
		*err = r.(error)
	}
	leave("catch")
}

func again() {
	enter("again")
	defer catchAll()
	defer panicsAgain()
	throws()
	leave("again")
}

func panicsAgain() {
	enter("panicsAgain")
	panic("another")
}

func catchAll() {
	enter("catchAll")
	recover()
	leave("catchAll")
}

func index(list []int, i int) int {
	enter("index")
	r := list[i]
	leave("index")
	return r
}

func null(p *int) int {
	enter("null")
	r := *p
	leave("null")
	return r
}

func outOfRange() {
	enter("outOfRange")
	defer catchAll()
	index(nil, 3)
	leave("outOfRange")
}

func nilPointer() {
	enter("nilPointer")
	defer catchAll()
	null(nil)
	leave("nilPointer")
}

type byLength []string

func (b byLength) Len() int      { return len(b) }
func (b byLength) Swap(i, j int) { b[i], b[j] = b[j], b[i] }
func (b byLength) Less(i, j int) bool {
	enter("byLength.Less")
	r := len(b[i]) < len(b[j])
	leave("byLength.Less")
	return r
}

func called(f func(int) int, n int) int {
	enter("called")
	r := f(n)
	leave("called")
	return r
}

func worker(n int) {
	enter("worker")
	grow(n)
	runtime.Gosched()
	leave("worker")
}

func quits(wait *sync.WaitGroup) {
	enter("quits")
	defer wait.Done()
	defer cleanup("quits")
	goexit()
	leave("quits")
}

func goexit() {
	enter("goexit")
	runtime.Goexit()
	leave("goexit")
}

func alone(f func(*sync.WaitGroup)) {
	var wait sync.WaitGroup
	wait.Add(1)
	go f(&wait)
	wait.Wait()
}

func work(wait *sync.WaitGroup) {
	enter("work")
	defer wait.Done()
	worker(40)
	leave("work")
}

func main() {
	enter("main")
	fib(6)
	grow(200)
	inLoop(3)
	openCoded()
	if err := catches(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	again()
	outOfRange()
	nilPointer()
	sort.Sort(byLength{"three", "to", "one", "a"})
	called(fib, 3)
	alone(work)
	alone(quits)
	runtime.GC()
	grow(20)
	leave("main")
	fmt.Print(said.String())
}
