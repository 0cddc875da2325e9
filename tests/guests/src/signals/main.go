// Command signals sends signals to itself and takes them through os/signal. It is not among the cases, because before 1.14 the
// runtime finds no deadlock in a program that links os/signal.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1, syscall.SIGTERM)
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGUSR1} {
		fmt.Println("kill", syscall.Kill(syscall.Getpid(), s) == nil)
		fmt.Println("got", <-c == s)
	}
	signal.Stop(c)
	signal.Ignore(syscall.SIGHUP)
	syscall.Kill(syscall.Getpid(), syscall.SIGHUP)
	time.Sleep(time.Millisecond)
	fmt.Println("ignored")
	func() {
		defer func() { fmt.Println("recovered", recover()) }()
		var p *int
		*p = 1
	}()
	signal.Reset(syscall.SIGTERM)
	defer fmt.Println("never printed")
	syscall.Kill(syscall.Getpid(), syscall.SIGTERM)
	time.Sleep(time.Second)
}
