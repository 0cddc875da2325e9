package main

/*
#cgo LDFLAGS: -ldl -lpthread
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern int goCallback(int);
extern int goPanic(int);
extern void goExit(void);
extern int goFault(void);

static __thread int perThread = 100;

static int add(int a, int b) { return a + b; }
static int bump(void) { return ++perThread; }
static int callBack(int n) { return goCallback(n) + 1; }
static int callPanic(int n) { return goPanic(n) + 1; }
static void callExit(void) { goExit(); }
static int callFault(void) { return goFault() + 1; }
static int deeper(int n) { return n == 0 ? goCallback(0) : 1 + goCallback(n) + deeper(n - 1); }

static void *body(void *p) {
	int *n = p;
	*n = goCallback(*n) + perThread;
	return 0;
}
static int inThread(int n) {
	pthread_t t;
	if (pthread_create(&t, 0, body, &n)) return -1;
	pthread_join(t, 0);
	return n;
}
static void raiseSignal(void) { raise(SIGUSR1); }

static int usesStack(int n) {
	volatile char room[1 << 16];
	memset((char *)room, n, sizeof room);
	return n == 0 ? room[17] : usesStack(n - 1) + room[n];
}

static int dynamicAbs(int n) {
	void *lib = dlopen("libm.so.6", RTLD_NOW);
	if (!lib) lib = dlopen(0, RTLD_NOW);
	int (*f)(int) = (int (*)(int))dlsym(lib, "abs");
	return f ? f(n) : -1;
}

static uint64_t useMemory(int rounds) {
	uint64_t sum = 0;
	for (int i = 1; i <= rounds; i++) {
		unsigned char *p = malloc(i * 5000);
		memset(p, i, i * 5000);
		p = realloc(p, i * 9000);
		sum += p[i] + p[i * 4999];
		free(p);
	}
	return sum;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
)

//export goCallback
func goCallback(n C.int) C.int {
	defer func() {
		if e := recover(); e != nil {
			fmt.Println("recovered in the callback:", e)
		}
	}()
	if n == 13 {
		panic("thirteen")
	}
	return n * 2
}

//export goPanic
func goPanic(n C.int) C.int {
	defer fmt.Println("deferred in the callback", n)
	panic(errors.New("out of the callback"))
}

//export goExit
func goExit() {
	defer fmt.Println("deferred before Goexit")
	runtime.Goexit()
}

//export goFault
func goFault() (r C.int) {
	defer func() { fmt.Println("fault in the callback:", recover()); r = 41 }()
	var p *C.int
	return *p
}

func call() {
	defer func() { fmt.Println("sum", C.add(20, 22)) }()
	fmt.Println("sum", C.add(1, 2))
}

func callback() {
	defer fmt.Println("called back", C.callBack(4))
	fmt.Println(C.callBack(5))
}

func deep() { fmt.Println(C.deeper(6)) }

func panicInCallback() {
	defer fmt.Println("after")
	fmt.Println(C.callBack(13))
}

func panicThroughC() {
	defer func() { fmt.Println("recovered behind C:", recover()) }()
	defer fmt.Println("first")
	C.callPanic(3)
	fmt.Println("never")
}

func goexitThroughC() {
	done := make(chan bool)
	go func() {
		defer close(done)
		defer fmt.Println("deferred in the goroutine")
		C.callExit()
		fmt.Println("never")
	}()
	<-done
}

func threads() {
	for i := C.int(1); i < 4; i++ {
		fmt.Println(C.inThread(i))
	}
	fmt.Println(C.inThread(13))
}

func threadLocal() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := C.bump()
	fmt.Println(C.bump() - before)
}

func signalInC() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	defer signal.Stop(c)
	C.raiseSignal()
	fmt.Println(<-c)
}

func faultInGo() {
	defer func() { fmt.Println(recover()) }()
	var p *int
	fmt.Println(C.add(1, 1))
	*p = 1
}

func faultInCallback() { fmt.Println(C.callFault()) }

func dlopen() { fmt.Println(C.dynamicAbs(-7)) }

func memory() { fmt.Println(C.useMemory(60)) }

func bigStackInC() { fmt.Println(C.usesStack(20)) }

func many() {
	var all sync.WaitGroup
	var lock sync.Mutex
	sum := C.int(0)
	for i := 0; i < 8; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			n := C.callBack(C.int(i))
			lock.Lock()
			defer lock.Unlock()
			sum += n
		}(i)
	}
	all.Wait()
	fmt.Println(sum)
}
