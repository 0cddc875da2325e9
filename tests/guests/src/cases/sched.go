// Goroutines, channels, select, timers, package sync, context.
package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func init() {
	add("go", map[string]func(){
		"pingpong":  goPingPong,
		"pipeline":  goPipeline,
		"fanin":     goFanIn,
		"many":      goMany,
		"select":    goSelect,
		"timeout":   goTimeout,
		"timers":    goTimers,
		"ticker":    goTicker,
		"afterfunc": goAfterFunc,
		"mutex":     goMutex,
		"rwmutex":   goRWMutex,
		"cond":      goCond,
		"once":      goOnce,
		"syncmap":   goSyncMap,
		"pool":      goPool,
		"atomic":    goAtomic,
		"context":   goContext,
		"preempt":   goPreempt,
		"lockos":    goLockOS,
		"threads":   goThreads,
		"yield":     goYield,
		"sieve":     goSieve,
		"procs":     goProcs,
		"oncepanic": goOncePanic,
	})
}

func goPingPong() {
	ping, pong := make(chan int), make(chan int)
	go func() {
		defer close(pong)
		for v := range ping {
			pong <- v + 1
		}
	}()
	sum := 0
	for i := 0; i < 300; i++ {
		ping <- i
		sum += <-pong
	}
	close(ping)
	_, open := <-pong
	say("sum", sum, open)
}

func goPipeline() {
	stage := func(in <-chan int, f func(int) int) <-chan int {
		out := make(chan int, 3)
		go func() {
			defer close(out)
			for v := range in {
				out <- f(v)
			}
		}()
		return out
	}
	source := make(chan int)
	out := stage(stage(stage(source, func(v int) int { return v + 1 }), func(v int) int { return v * v }), func(v int) int { return v % 97 })
	go func() {
		defer close(source)
		for i := 0; i < 100; i++ {
			source <- i
		}
	}()
	h := 0
	for v := range out {
		h = (h*31 + v) % 1000003
	}
	say("hash", h)
}

func goFanIn() {
	results := make(chan int, 8)
	var wg sync.WaitGroup
	for w := 0; w < 10; w++ {
		wg.Add(1)
		go func(w int) {
			defer wg.Done()
			for i := 0; i < 30; i++ {
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
	say(n, sum)
}

func goMany() {
	var wg sync.WaitGroup
	var sum int64
	for i := 0; i < 3000; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			atomic.AddInt64(&sum, int64(i))
		}(i)
	}
	wg.Wait()
	say("sum", int(sum))
}

func goSelect() {
	a, b, quit := make(chan int), make(chan string), make(chan struct{})
	go func() {
		for i := 0; i < 60; i++ {
			select {
			case a <- i:
			case b <- "s":
			}
		}
		close(quit)
	}()
	n := 0
	for open := true; open; {
		select {
		case <-a:
			n++
		case <-b:
			n++
		case <-quit:
			open = false
		}
	}
	var never chan int
	select {
	case <-never:
		say("impossible")
	case <-a:
		say("impossible")
	default:
		say("default", n)
	}
}

func goTimeout() {
	c := make(chan int)
	select {
	case <-c:
		say("impossible")
	case <-time.After(3 * time.Millisecond):
		say("timed out")
	}
}

func goTimers() {
	start := time.Now()
	order := make(chan int, 3)
	for i := 3; i >= 1; i-- {
		go func(i int) {
			time.Sleep(time.Duration(i) * 40 * time.Millisecond)
			order <- i
		}(i)
	}
	say(<-order, <-order, <-order, time.Since(start) >= 120*time.Millisecond)
	t := time.NewTimer(time.Hour)
	say("stopped", t.Stop(), t.Stop())
	t.Reset(time.Millisecond)
	<-t.C
	say("reset fired")
}

func goTicker() {
	t := time.NewTicker(2 * time.Millisecond)
	defer t.Stop()
	for i := 0; i < 4; i++ {
		<-t.C
	}
	say("ticked")
}

func goAfterFunc() {
	done := make(chan bool)
	time.AfterFunc(2*time.Millisecond, func() {
		defer close(done)
		defer recovered()
		panic("in a timer's goroutine")
	})
	<-done
}

func goMutex() {
	var mu sync.Mutex
	var wg sync.WaitGroup
	n := 0
	for w := 0; w < 8; w++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < 200; i++ {
				func() {
					mu.Lock()
					defer mu.Unlock()
					n++
				}()
				if i%20 == 0 {
					runtime.Gosched()
				}
			}
		}()
	}
	wg.Wait()
	say(n)
}

func goRWMutex() {
	var mu sync.RWMutex
	var wg sync.WaitGroup
	m := map[int]int{}
	var reads int64
	for w := 0; w < 6; w++ {
		wg.Add(1)
		go func(w int) {
			defer wg.Done()
			for i := 0; i < 100; i++ {
				if w == 0 {
					mu.Lock()
					m[i] = i
					mu.Unlock()
				} else {
					mu.RLock()
					_ = m[i]
					atomic.AddInt64(&reads, 1)
					mu.RUnlock()
				}
			}
		}(w)
	}
	wg.Wait()
	say(len(m), int(reads))
}

func goCond() {
	var mu sync.Mutex
	cond := sync.NewCond(&mu)
	ready, woken := false, 0
	var wg sync.WaitGroup
	for i := 0; i < 5; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			mu.Lock()
			defer mu.Unlock()
			for !ready {
				cond.Wait()
			}
			woken++
		}()
	}
	mu.Lock()
	ready = true
	cond.Broadcast()
	mu.Unlock()
	wg.Wait()
	say("woken", woken)
}

func goOnce() {
	var once sync.Once
	var wg sync.WaitGroup
	for i := 0; i < 10; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			once.Do(func() { say("once") })
		}()
	}
	wg.Wait()
}

func goOncePanic() {
	var once sync.Once
	for i := 0; i < 2; i++ {
		attempt("once", func() { once.Do(func() { panic("only the first time") }) })
	}
}

func goSyncMap() {
	var m sync.Map
	var wg sync.WaitGroup
	for i := 0; i < 4; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			for k := 0; k < 50; k++ {
				m.LoadOrStore(k, k*k)
			}
		}(i)
	}
	wg.Wait()
	n, sum := 0, 0
	m.Range(func(k, v interface{}) bool { n++; sum += v.(int); return true })
	say(n, sum)
}

func goPool() {
	p := sync.Pool{New: func() interface{} { return new([64]int) }}
	sum := 0
	for i := 0; i < 100; i++ {
		b := p.Get().(*[64]int)
		b[i%64] = i
		sum += b[i%64]
		p.Put(b)
	}
	say(sum)
}

func goAtomic() {
	var i32 int32
	var u64 uint64
	var value atomic.Value
	var wg sync.WaitGroup
	for w := 0; w < 4; w++ {
		wg.Add(1)
		go func(w int) {
			defer wg.Done()
			for i := 0; i < 250; i++ {
				atomic.AddInt32(&i32, 2)
				for {
					old := atomic.LoadUint64(&u64)
					if atomic.CompareAndSwapUint64(&u64, old, old+3) {
						break
					}
				}
				value.Store(w)
			}
		}(w)
	}
	wg.Wait()
	old := atomic.SwapInt32(&i32, -1)
	_, ok := value.Load().(int)
	say(int(old), int(u64), int(atomic.LoadInt32(&i32)), ok)
}

func goContext() {
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), named("k"), "v"))
	child, stop := context.WithTimeout(ctx, time.Hour)
	defer stop()
	done := make(chan error)
	go func() { <-child.Done(); done <- child.Err() }()
	cancel()
	say(<-done, child.Value(named("k")))
	short, stop2 := context.WithTimeout(context.Background(), time.Millisecond)
	defer stop2()
	<-short.Done()
	say(short.Err())
}

//go:noinline
func spin(n int) int {
	var pad [64]int
	for i := range pad {
		pad[i] = n + i
	}
	return pad[n&63] & 0xffff
}

// goPreempt: a goroutine that never blocks must not stop the collector. Before 1.14 it is the call that lets it be stopped, later a
// signal would do.
func goPreempt() {
	var stop int32
	done := make(chan bool)
	go func() {
		n := 0
		for atomic.LoadInt32(&stop) == 0 {
			n = spin(n)
		}
		done <- n >= 0
	}()
	time.Sleep(15 * time.Millisecond)
	runtime.GC()
	atomic.StoreInt32(&stop, 1)
	say(<-done)
}

func goLockOS() {
	done := make(chan int)
	for i := 0; i < 3; i++ {
		go func(i int) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for k := 0; k < 5; k++ {
				runtime.Gosched()
			}
			done <- i
		}(i)
	}
	say(<-done + <-done + <-done)
	inGoroutine(func() {
		runtime.LockOSThread()
		defer mark8(1)
		runtime.Goexit()
	})
}

func goThreads() {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	var wg sync.WaitGroup
	sums := make([]int, 4)
	for w := range sums {
		wg.Add(1)
		go func(w int) {
			defer wg.Done()
			for i := 0; i < 30000; i++ {
				sums[w] += i ^ w
			}
		}(w)
	}
	wg.Wait()
	say(sums[0], sums[1], sums[2], sums[3])
}

func goYield() {
	var wg sync.WaitGroup
	total := int32(0)
	for i := 0; i < 5; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for k := 0; k < 100; k++ {
				atomic.AddInt32(&total, 1)
				runtime.Gosched()
			}
		}()
	}
	wg.Wait()
	say(int(total), runtime.NumGoroutine() >= 1)
}

func goSieve() {
	filter := func(in <-chan int, prime int) <-chan int {
		out := make(chan int)
		go func() {
			for {
				if v := <-in; v%prime != 0 {
					out <- v
				}
			}
		}()
		return out
	}
	source := make(chan int)
	go func() {
		for i := 2; ; i++ {
			source <- i
		}
	}()
	var in <-chan int = source
	last := 0
	for i := 0; i < 40; i++ {
		last = <-in
		in = filter(in, last)
	}
	say("40th prime", last)
}

func goProcs() {
	old := runtime.GOMAXPROCS(1)
	c := make(chan int)
	go func() { c <- 1 }()
	say(<-c, runtime.GOMAXPROCS(old))
}
