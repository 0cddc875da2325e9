// Command goroutines exercises the scheduler: channels, select, timers, sync, the collector, preemption, deep stacks. Output
// depends on nothing but the program.
package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	pingPong()
	fanIn()
	selects()
	timers()
	mutexes()
	onceAndCond()
	collected()
	preempted()
	deepStacks()
	fmt.Println("done")
}

func pingPong() {
	ping, pong := make(chan int), make(chan int)
	go func() {
		for v := range ping {
			pong <- v + 1
		}
		close(pong)
	}()
	sum := 0
	for i := 0; i < 1000; i++ {
		ping <- i
		sum += <-pong
	}
	close(ping)
	_, open := <-pong
	fmt.Println("pingpong", sum, open)
}

func fanIn() {
	results := make(chan int, 8)
	var wg sync.WaitGroup
	for w := 0; w < 20; w++ {
		wg.Add(1)
		go func(w int) {
			defer wg.Done()
			for i := 0; i < 50; i++ {
				results <- w * i
			}
		}(w)
	}
	go func() { wg.Wait(); close(results) }()
	sum, n := 0, 0
	for v := range results {
		sum += v
		n++
	}
	fmt.Println("fanin", n, sum)
}

func selects() {
	a, b, quit := make(chan int), make(chan int), make(chan bool)
	go func() {
		for i := 0; i < 100; i++ {
			select {
			case a <- i:
			case b <- -i:
			}
		}
		close(quit)
	}()
	n := 0
	for {
		select {
		case <-a:
			n++
			continue
		case <-b:
			n++
			continue
		case <-quit:
		}
		break
	}
	select {
	case <-a:
		fmt.Println("unexpected")
	default:
		fmt.Println("select", n)
	}
}

func timers() {
	start := time.Now()
	var order []int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := 3; i >= 1; i-- {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			time.Sleep(time.Duration(i) * 30 * time.Millisecond)
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
		}(i)
	}
	wg.Wait()
	t := time.NewTimer(time.Hour)
	fmt.Println("timers", order, time.Since(start) >= 90*time.Millisecond, t.Stop())
	tick := time.NewTicker(5 * time.Millisecond)
	for i := 0; i < 3; i++ {
		<-tick.C
	}
	tick.Stop()
	select {
	case <-time.After(time.Millisecond):
		fmt.Println("after")
	}
}

func mutexes() {
	var mu sync.RWMutex
	var count int
	var hits int64
	var wg sync.WaitGroup
	for w := 0; w < 8; w++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < 500; i++ {
				mu.Lock()
				count++
				mu.Unlock()
				mu.RLock()
				if count > 0 {
					atomic.AddInt64(&hits, 1)
				}
				mu.RUnlock()
				if i%50 == 0 {
					runtime.Gosched()
				}
			}
		}()
	}
	wg.Wait()
	fmt.Println("mutexes", count, atomic.LoadInt64(&hits))
}

func onceAndCond() {
	var once sync.Once
	var mu sync.Mutex
	cond := sync.NewCond(&mu)
	ready, woken := false, 0
	var wg sync.WaitGroup
	for i := 0; i < 5; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			once.Do(func() { fmt.Println("once") })
			mu.Lock()
			for !ready {
				cond.Wait()
			}
			woken++
			mu.Unlock()
		}()
	}
	mu.Lock()
	ready = true
	cond.Broadcast()
	mu.Unlock()
	wg.Wait()
	fmt.Println("cond", woken)
}

type cell struct {
	next *cell
	data [6]int
}

func collected() {
	var list *cell
	for round := 0; round < 5; round++ {
		for i := 0; i < 20000; i++ {
			list = &cell{next: list}
			list.data[i%6] = i
			if i%5 != 0 {
				list = list.next
			}
		}
		runtime.GC()
	}
	n, sum := 0, 0
	for c := list; c != nil; c = c.next {
		n++
		for _, v := range c.data {
			sum += v
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Println("gc", n, sum, stats.NumGC >= 5)
}

// preempted: a goroutine that spins with calls must not keep the others from running (asynchronous preemption came in 1.14; before,
// the call in the loop is what lets it be stopped).
func preempted() {
	var stop int32
	done := make(chan bool)
	go func() {
		n := 0
		for atomic.LoadInt32(&stop) == 0 {
			n = spin(n)
		}
		done <- n >= 0
	}()
	time.Sleep(20 * time.Millisecond)
	runtime.GC()
	atomic.StoreInt32(&stop, 1)
	fmt.Println("preempted", <-done)
}

//go:noinline
func spin(n int) int {
	var pad [64]int
	for i := range pad {
		pad[i] = n + i
	}
	return pad[n&63] & 0xffff
}

func deepStacks() {
	out := make(chan int)
	for i := 0; i < 4; i++ {
		go func(i int) { out <- deep(2000+i, 0) }(i)
	}
	sum := 0
	for i := 0; i < 4; i++ {
		sum += <-out
	}
	fmt.Println("deep", sum)
}

//go:noinline
func deep(n, acc int) int {
	var pad [32]int
	pad[n&31] = n
	if n == 0 {
		return acc
	}
	return deep(n-1, acc+pad[n&31]&1)
}
