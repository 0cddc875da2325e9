// A program for macOS that tries to leave its sandbox (escapes.go) or to take as much as it can get (limits.go), one named row after the other:
// tests/sandbox/escape.py and limits.py run it and judge. It calls libSystem as package syscall does, and for what that lacks by names of its own.
package main

import (
	"syscall"
	"unsafe"
)

//go:linkname call6 syscall.syscall6
func call6(fn, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, err syscall.Errno)

// One a row of imports.s.
var (
	libc_openat, libc_unlinkat, libc_mkdirat, libc_renameat, libc_linkat, libc_symlinkat, libc_faccessat, libc_readlinkat, libc_fchmodat uintptr
	libc_renamex_np, libc_clonefile, libc_getattrlist, libc_setxattr, libc_realpath, libc_utimes                                         uintptr
	libc_pthread_create, libc_pause, libc_pthread_key_create, libc_malloc, libc_usleep, libc_getaddrinfo, libc_readv, libc_mincore       uintptr
	libc_setitimer, libc_sigaction, libc_sysctl                                                                                          uintptr
	libc_posix_spawn, libc_system, libc_task_for_pid, libc_shm_open, libc_sem_open, libc_dlopen, libc_mach_vm_read, libc_popen           uintptr
)

// What a call gives: its value, or the negative errno.
func call(fn uintptr, args ...uintptr) int {
	var a [6]uintptr
	copy(a[:], args)
	r, _, err := call6(fn, a[0], a[1], a[2], a[3], a[4], a[5])
	if err != 0 {
		return -int(err)
	}
	return int(r)
}

func errno(err error) int {
	if err == nil {
		return 0
	}
	return -int(err.(syscall.Errno))
}

// The address of a C string that stays.
var kept [][]byte

func text(s string) uintptr {
	b := append([]byte(s), 0)
	kept = append(kept, b)
	if len(kept) > 64 {
		kept = kept[32:]
	}
	return uintptr(unsafe.Pointer(&b[0]))
}

var buffer [1 << 16]byte

func address() uintptr { return uintptr(unsafe.Pointer(&buffer[0])) }

const here = ^uintptr(1) // AT_FDCWD, -2

func openAt(path string, flags, mode int) (int, int) {
	fd, err := syscall.Open(path, flags, uint32(mode))
	return fd, errno(err)
}

func tryOpen(path string, flags int) int {
	fd, e := openAt(path, flags, 0644)
	if e == 0 {
		syscall.Close(fd)
	}
	return e
}

func closeFd(fd int) int { return errno(syscall.Close(fd)) }

const leaked = -9999

// What stands in a file: 0 for `want`, leaked for what is outside.
func content(fd int, want string) int {
	var b [64]byte
	n, err := syscall.Pread(fd, b[:], 0)
	if err != nil {
		return errno(err)
	}
	got := string(b[:n])
	if len(got) >= 6 && got[:6] == "secret" {
		return leaked
	}
	if len(got) >= len(want) && got[:len(want)] == want {
		return 0
	}
	return -9998
}

func readOf(path, want string) int {
	fd, e := openAt(path, syscall.O_RDONLY, 0)
	if e != 0 {
		return e
	}
	defer syscall.Close(fd)
	return content(fd, want)
}

func modeOf(path string) int {
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return errno(err)
	}
	return int(st.Mode & 07777)
}

func makeFile(path string, mode int) int {
	fd, e := openAt(path, syscall.O_CREAT|syscall.O_RDWR, mode)
	if e != 0 {
		return e
	}
	syscall.Write(fd, []byte("mine"))
	return closeFd(fd)
}

func unlink(path string) int            { return errno(syscall.Unlink(path)) }
func rmdir(path string) int             { return errno(syscall.Rmdir(path)) }
func mkdir(path string, mode int) int   { return errno(syscall.Mkdir(path, uint32(mode))) }
func rename(from, to string) int        { return errno(syscall.Rename(from, to)) }
func symlink(target, path string) int   { return errno(syscall.Symlink(target, path)) }
func chmod(path string, mode int) int   { return errno(syscall.Chmod(path, uint32(mode))) }
func chdir(path string) int             { return errno(syscall.Chdir(path)) }
func truncate(path string, n int64) int { return errno(syscall.Truncate(path, n)) }
func stat(path string) int {
	var st syscall.Stat_t
	return errno(syscall.Stat(path, &st))
}
func linkAt(from, to string, flags uintptr) int {
	return call(libc_linkat, here, text(from), here, text(to), flags)
}

// With a descriptor on a path.
func with(path string, flags int, f func(fd int) int) int {
	fd, e := openAt(path, flags, 0644)
	if e != 0 {
		return e
	}
	defer syscall.Close(fd)
	return f(fd)
}

// Through a link with this text.
func through(target string, f func(link string) int) int {
	unlink("l")
	if e := symlink(target, "l"); e != 0 {
		return e
	}
	defer unlink("l")
	return f("l")
}

func openThrough(target string, flags int) int {
	return through(target, func(l string) int { return tryOpen(l, flags) })
}

func repeated(s string, n int) string {
	b := make([]byte, 0, n+len(s))
	for len(b) < n {
		b = append(b, s...)
	}
	return string(b[:n])
}

func decimal(n int) string {
	if n < 0 {
		return "-" + decimal(-n)
	}
	if n < 10 {
		return string(rune('0' + n))
	}
	return decimal(n/10) + string(rune('0'+n%10))
}

func say(s string) { syscall.Write(1, []byte(s)) }
