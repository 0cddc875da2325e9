package main

import (
	"runtime"
	"syscall"
	"unsafe"
)

// Rows that take as much as they can get of one thing; "N then -errno": how often it went well and how it ended.

func untilError(f func(i int) int) {
	for i := 0; ; i++ {
		if e := f(i); e < 0 {
			say(decimal(i) + " then " + decimal(e) + "\n")
			return
		}
	}
}

// Address space that nothing stands behind yet.
func reserve(n uintptr) uintptr {
	r := direct6(197, 0, n, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE, ^uintptr(0), 0)
	if r < 0 || direct6(74, uintptr(r), n, syscall.PROT_READ|syscall.PROT_WRITE, 0, 0, 0) != 0 {
		say("no space\n")
		syscall.Exit(9)
	}
	return uintptr(r)
}

func direct6(number uintptr, a, b, c, d, e, f uintptr) int {
	r, _, err := syscall.Syscall6(number, a, b, c, d, e, f)
	if err != 0 {
		return -int(err)
	}
	return int(r)
}

func touch(at uintptr) { *(*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))) = 1 }

func moreDescriptors() {
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 4096, Max: 4096})
}

func bigFile(n int) int {
	fd, _ := openAt("/tmp/big", create|rdwr, 0644)
	for i := 0; i < n; i += len(buffer) {
		syscall.Write(fd, buffer[:])
	}
	return fd
}

func mapFile(fd, n int) int {
	return direct6(197, 0, uintptr(n), syscall.PROT_READ, syscall.MAP_PRIVATE, uintptr(fd), 0)
}

func queueItem(queue int, filter int16, ident uint64) int {
	change := syscall.Kevent_t{Ident: ident, Filter: filter, Flags: syscall.EV_ADD, Data: 1 << 40}
	_, err := syscall.Kevent(queue, []syscall.Kevent_t{change}, nil, nil)
	return errno(err)
}

func nonblocking(fds [2]int) [2]int {
	syscall.SetNonblock(fds[0], true)
	syscall.SetNonblock(fds[1], true)
	return fds
}

func pair(kind int) (int, int) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, kind, 0)
	if err != nil {
		return -1, errno(err)
	}
	return nonblocking(fds)[1], 0
}

func written(fd int, b []byte) int {
	n, err := syscall.Write(fd, b)
	if err != nil {
		return errno(err)
	}
	return n
}

func inDeep(depth int) {
	name := repeated("d", 250)
	chdir("/tmp")
	for i := 0; i < depth; i++ {
		mkdir(name, 0755)
		chdir(name)
	}
}

var limits = map[string]func(){
	"nothing": func() { say("nothing\n") },
	"cpus":    func() { say(decimal(runtime.NumCPU()) + "\n") },
	"pages": func() {
		p := reserve(1 << 40)
		for i := uintptr(0); ; i += 4096 {
			touch(p + i)
		}
	},
	"far_pages": func() {
		p := reserve(1 << 44)
		for i := uintptr(0); ; i += 1 << 21 {
			touch(p + i)
		}
	},
	"heap": func() {
		untilError(func(int) int {
			r, _, _ := call6(libc_malloc, 1<<20, 0, 0, 0, 0, 0)
			if r == 0 {
				return -int(syscall.ENOMEM)
			}
			for i := uintptr(0); i < 1<<20; i += 4096 {
				touch(r + i)
			}
			return 0
		})
	},
	"small_heap": func() {
		untilError(func(int) int {
			if r, _, _ := call6(libc_malloc, 1, 0, 0, 0, 0, 0); r == 0 {
				return -int(syscall.ENOMEM)
			}
			return 0
		})
	},
	"mappings": func() {
		const page = 16384
		p := reserve(1 << 32)
		untilError(func(i int) int { return direct6(74, p+uintptr(i)*2*page, page, 1, 0, 0, 0) })
	},
	"more_mappings": func() {
		untilError(func(i int) int {
			if r := direct6(197, 0, 16384, uintptr(1+i%2*2), syscall.MAP_ANON|syscall.MAP_PRIVATE, ^uintptr(0), 0); r < 0 {
				return r
			}
			return 0
		})
	},
	"mapped_file": func() { // the same again and again
		fd := bigFile(8 << 20)
		untilError(func(i int) int {
			if i == 300 {
				return -1
			}
			return min0(mapFile(fd, 8<<20))
		})
	},
	"mapped_versions": func() { // another each time
		fd := bigFile(4 << 20)
		untilError(func(i int) int { syscall.Pwrite(fd, []byte{byte(i), 1}, 0); return min0(mapFile(fd, 4<<20)) })
	},
	"file_bytes": func() {
		fd, _ := openAt("/tmp/f", create|rdwr, 0644)
		untilError(func(int) int { return written(fd, buffer[:]) })
	},
	"sparse_file": func() {
		fd, _ := openAt("/tmp/f", create|rdwr, 0644)
		untilError(func(i int) int { _, err := syscall.Pwrite(fd, buffer[:1], int64(i)<<30); return errno(err) })
	},
	"files":       func() { untilError(func(i int) int { return tryOpen("/tmp/file"+decimal(i), create|rdwr) }) },
	"directories": func() { untilError(func(i int) int { return mkdir("/tmp/d"+decimal(i), 0755) }) },
	"hard_links": func() {
		makeFile("/tmp/f", 0644)
		untilError(func(i int) int { return errno(syscall.Link("/tmp/f", "/tmp/link"+decimal(i))) })
	},
	"symlinks": func() {
		long := repeated("x", 1000)
		untilError(func(i int) int { return symlink(long, "/tmp/s"+decimal(i)) })
	},
	"deep_directories": func() {
		name := repeated("d", 250)
		chdir("/tmp")
		untilError(func(int) int {
			if e := mkdir(name, 0755); e < 0 {
				return e
			}
			return chdir(name)
		})
	},
	"open_deep": func() {
		moreDescriptors()
		inDeep(3)
		untilError(func(int) int { _, e := openAt("f", create|rdwr, 0644); return e })
	},
	"directory_lists": func() {
		moreDescriptors()
		for i := 0; i < 2000; i++ {
			makeFile("/tmp/file"+decimal(i), 0644)
		}
		untilError(func(int) int {
			fd, e := openAt("/tmp", rdonly, 0)
			if e < 0 {
				return e
			}
			var base uint64
			return min0(direct6(344, uintptr(fd), address(), uintptr(len(buffer)), uintptr(unsafe.Pointer(&base)), 0, 0))
		})
	},
	"descriptors": func() { untilError(func(int) int { _, err := syscall.Dup(1); return errno(err) }) },
	"pipes": func() {
		moreDescriptors()
		untilError(func(int) int {
			var fds [2]int
			if err := syscall.Pipe(fds[:]); err != nil {
				return errno(err)
			}
			return written(nonblocking(fds)[1], buffer[:])
		})
	},
	"streams": func() {
		moreDescriptors()
		untilError(func(int) int {
			fd, e := pair(syscall.SOCK_STREAM)
			for n := 0; e == 0 && n < 3; n++ {
				e = min0(written(fd, buffer[:]))
			}
			return e
		})
	},
	"datagrams": func() {
		moreDescriptors()
		untilError(func(int) int {
			fd, e := pair(syscall.SOCK_DGRAM)
			for e >= 0 {
				e = written(fd, buffer[:1000])
			}
			if e == -int(syscall.EAGAIN) {
				return 0
			}
			return e
		})
	},
	"socket_options": func() {
		moreDescriptors()
		fd := 0
		untilError(func(i int) int {
			if i%32768 == 0 {
				var err error
				if fd, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0); err != nil {
					return errno(err)
				}
			}
			return errno(syscall.SetsockoptInt(fd, i/128%256, i%128, 1))
		})
	},
	"queues":       func() { moreDescriptors(); untilError(func(int) int { _, err := syscall.Kqueue(); return errno(err) }) },
	"queue_events": func() { q, _ := syscall.Kqueue(); untilError(func(i int) int { return queueItem(q, -10, uint64(i)) }) },
	"queue_timers": func() {
		q, _ := syscall.Kqueue()
		untilError(func(i int) int { return queueItem(q, syscall.EVFILT_TIMER, uint64(i)) })
	},
	"queue_files": func() {
		moreDescriptors()
		first := -1
		for i := 0; i < 2000; i++ {
			if fd, err := syscall.Dup(0); err == nil && first < 0 {
				first = fd
			}
		}
		q := 0
		untilError(func(i int) int {
			if i%2000 == 0 {
				var err error
				if q, err = syscall.Kqueue(); err != nil {
					return errno(err)
				}
			}
			return queueItem(q, syscall.EVFILT_READ, uint64(first+i%2000))
		})
	},
	"diamonds": func() {
		kqueue := func() int { q, _ := syscall.Kqueue(); return q }
		below, e := [2]int{kqueue(), kqueue()}, 0
		for layer := 0; layer < 60 && e == 0; layer++ {
			above := [2]int{kqueue(), kqueue()}
			for i := 0; i < 4 && e == 0; i++ {
				e = queueItem(above[i/2], syscall.EVFILT_READ, uint64(below[i%2]))
			}
			below = above
		}
		say(decimal(e) + "\n")
	},
	"thread_stacks": func() {
		var t uintptr
		untilError(func(int) int { return -call(libc_pthread_create, uintptr(unsafe.Pointer(&t)), 0, libc_pause, 0) })
	},
	"thread_keys": func() {
		var key uintptr
		untilError(func(int) int { return -call(libc_pthread_key_create, uintptr(unsafe.Pointer(&key)), 0) })
	},
	"addresses": func() { // never given back
		var list uintptr
		untilError(func(int) int {
			return -call(libc_getaddrinfo, text("127.0.0.1"), text("80"), 0, uintptr(unsafe.Pointer(&list)))
		})
	},
	"ignored_timers": func() {
		signalIgnore(syscall.SIGALRM)
		timer := [4]uint64{0, 1, 0, 1}
		call(libc_setitimer, 0, uintptr(unsafe.Pointer(&timer)), 0)
		call(libc_usleep, 20000000)
		say("slept\n")
	},
	"present_bytes": func() { // a gigabyte of answers
		p, to := reserve(1<<44), reserve(2<<30)
		say(decimal(call(libc_mincore, p, 1<<44, to)) + "\n")
	},
	"shared_views": func() { // each store shows in all of them
		fd, _ := openAt("/tmp/f", create|rdwr, 0644)
		for i := 0; i < 4; i++ {
			syscall.Write(fd, buffer[:4096])
		}
		p := 0
		for i := 0; i < 20000; i++ {
			p = direct6(197, 0, 16384, uintptr(1+i%2*2), syscall.MAP_SHARED, uintptr(fd), 0)
		}
		for i := 0; i < 1000; i++ {
			touch(uintptr(p + i))
		}
		say("stored\n")
	},
}

func min0(n int) int {
	if n > 0 {
		return 0
	}
	return n
}

// sigaction(signal, SIG_IGN), of which package syscall has nothing.
func signalIgnore(signal syscall.Signal) {
	action := [2]uint64{1, 0}
	call(libc_sigaction, uintptr(signal), uintptr(unsafe.Pointer(&action)), 0)
}
