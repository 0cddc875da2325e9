// Mapped files: shared and private views, stores, atomics, calls and truncations; what it prints natively it prints here.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func touch(m []byte, i int) (r string) {
	defer func() {
		if e := recover(); e != nil {
			r = fmt.Sprint(e)
		}
	}()
	return fmt.Sprint(m[i])
}

func main() {
	f, err := os.OpenFile(os.Args[1], os.O_RDWR|os.O_CREATE, 0600)
	must(err)
	must(f.Truncate(3 * 4096))
	a, err := syscall.Mmap(int(f.Fd()), 0, 3*4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	must(err)
	b, err := syscall.Mmap(int(f.Fd()), 4096, 2*4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	must(err)
	p, err := syscall.Mmap(int(f.Fd()), 0, 2*4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE)
	must(err)
	for i := range a {
		a[i] = byte(i * 7)
	}
	fmt.Println(b[0], b[5000], p[4096], p[17])
	p[3] = 200
	a[4], a[4097] = 9, 8
	fmt.Println(p[3], p[4], p[4097], b[1])
	var wg sync.WaitGroup
	n := (*int64)(unsafe.Pointer(&b[8]))
	*n = 0
	for g := 0; g < 4; g++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < 5000; i++ {
				atomic.AddInt64(n, 1)
			}
		}()
	}
	wg.Wait()
	fmt.Println(*(*int64)(unsafe.Pointer(&a[4096+8])))
	buf := make([]byte, 16)
	f.ReadAt(buf, 4096)
	fmt.Println(buf)
	copy(a[100:], "the quick brown fox jumps over the lazy dog")
	f.ReadAt(buf, 104)
	fmt.Println(string(buf))
	f.WriteAt([]byte("SLOW"), 104)
	fmt.Println(string(a[100:120]))
	debug.SetPanicOnFault(true)
	must(f.Truncate(5000))
	fmt.Println(touch(a, 4999), touch(a, 5001), touch(a, 8192), touch(b, 4096))
	must(f.Truncate(3 * 4096))
	fmt.Println(touch(a, 4999), touch(a, 5001), touch(a, 8192), touch(b, 4096))
	a[8192] = 77
	must(syscall.Munmap(a))
	must(syscall.Munmap(b))
	f.ReadAt(buf, 8190)
	fmt.Println(buf)
	c, err := syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	must(err)
	f.Close()
	c[0] = 42 // reaches the file though nobody calls msync
}
