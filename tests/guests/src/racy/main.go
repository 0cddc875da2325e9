// Two races that the detector always sees: goroutines write the same variable, one after the other by the clock alone,
// one of them in a deferred function that recovers a panic. The rest is not a race.
package main

import (
	"fmt"
	"sync"
	"time"
)

var count, total int

func recovering() {
	defer func() {
		total++
		fmt.Println("recovered", recover())
	}()
	panic("once")
}

func main() {
	go func() { count = 1 }()
	time.Sleep(50 * time.Millisecond)
	count = 2
	go recovering()
	time.Sleep(50 * time.Millisecond)
	total += 2
	var lock sync.Mutex
	var all sync.WaitGroup
	sum := 0
	for i := 0; i < 4; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			lock.Lock()
			defer lock.Unlock()
			sum += i
		}(i)
	}
	all.Wait()
	fmt.Println(count, total, sum)
}
