package main

import (
	"syscall"
	"unsafe"
)

// Kinds of rows, as escape.py knows them.
const (
	all   = "all"    // a run survives it
	ends  = "ends"   // deferscope ends the run: it is not modelled
	swaps = "swaps"  // while somebody swaps swap/f and swap/d for links that lead outside
	last  = "last"   // nothing can follow
	inSub = "in sub" // in the working directory w/sub
)

type escape struct {
	name    string
	want    int
	kind    string
	attempt func() int
}

var top string

func inTop(rest string) string { return top + "/" + rest }

const rounds = 100

// An attempt fails, or meets what is inside.
func repeat(f func() int) int {
	for i := 0; i < rounds; i++ {
		if f() == leaked {
			return leaked
		}
	}
	return 0
}

func swapper() {
	say("start\n")
	for i := 0; i < 4*rounds; i++ {
		for _, name := range []string{"f", "d"} {
			target := inTop("outside")
			if name == "f" {
				target = inTop("outside/secret")
			}
			rename("swap/"+name, "swap/spare")
			symlink(target, "swap/l"+name)
			rename("swap/l"+name, "swap/"+name)
			unlink("swap/" + name)
			rename("swap/spare", "swap/"+name)
		}
	}
}

func connectIP(ip [4]byte, kind int) int {
	fd, err := syscall.Socket(syscall.AF_INET, kind, 0)
	if err != nil {
		return errno(err)
	}
	defer syscall.Close(fd)
	return errno(syscall.Connect(fd, &syscall.SockaddrInet4{Port: 53, Addr: ip}))
}

func unixSocket(path string, bind bool) int {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return errno(err)
	}
	defer syscall.Close(fd)
	if bind {
		return errno(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}))
	}
	return errno(syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}))
}

func socket(family, kind int) int {
	fd, err := syscall.Socket(family, kind, 0)
	if err == nil {
		syscall.Close(fd)
	}
	return errno(err)
}

// A system call made without libSystem.
func direct(number uintptr, a, b, c uintptr) int {
	r, _, err := syscall.Syscall(number, a, b, c)
	if err != 0 {
		return -int(err)
	}
	return int(r)
}

func threadFlood() int {
	var t uintptr
	for i := 0; i < 64; i++ { // each waits for ever
		if e := call(libc_pthread_create, uintptr(unsafe.Pointer(&t)), 0, libc_pause, 0); e != 0 {
			return -e
		}
	}
	return 0
}

func rights() int {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return errno(err)
	}
	defer closeFd(pair[0])
	defer closeFd(pair[1])
	return errno(syscall.Sendmsg(pair[0], []byte("x"), syscall.UnixRights(1), nil, 0))
}

const (
	perm, noent, access, busy, exist = -int(syscall.EPERM), -int(syscall.ENOENT), -int(syscall.EACCES), -int(syscall.EBUSY), -int(syscall.EEXIST)
	notdir, isdir, inval, loop       = -int(syscall.ENOTDIR), -int(syscall.EISDIR), -int(syscall.EINVAL), -int(syscall.ELOOP)
	badf, fault, long                = -int(syscall.EBADF), -int(syscall.EFAULT), -int(syscall.ENAMETOOLONG)
	rdonly, wronly, rdwr             = syscall.O_RDONLY, syscall.O_WRONLY, syscall.O_RDWR
	create, trunc                    = syscall.O_CREAT, syscall.O_TRUNC
)

var escapes = []escape{
	// a root's own entry
	{"root.rmdir", busy, all, func() int { return rmdir(inTop("w")) }},
	{"root.rmdir-relative", busy, all, func() int { return rmdir("../w") }},
	{"root.rmdir-slash", busy, all, func() int { return rmdir("../w/") }},
	{"root.rmdir-second", busy, all, func() int { return rmdir(inTop("w2")) }},
	{"root.rename-into-itself", busy, all, func() int { return rename(inTop("w"), "sub/w") }},
	{"root.rename-into-other", busy, all, func() int { return rename(inTop("w2"), "sub/a") }},
	{"root.rename-outside", noent, all, func() int { return rename(inTop("w"), "../outside/w") }},
	{"root.replace-by-directory", busy, all, func() int { mkdir("empty", 0755); defer rmdir("empty"); return rename("empty", inTop("w2")) }},
	{"root.exchange", -int(syscall.ENOTSUP), all, func() int { return call(libc_renamex_np, text("sub"), text(inTop("w2")), 2) }},
	{"root.symlink", exist, all, func() int { return symlink("/", inTop("w")) }},
	{"root.mkdir", exist, all, func() int { return mkdir(inTop("w"), 0755) }},
	{"root.removed-cwd", noent, all, func() int {
		mkdir("gone", 0755)
		chdir("gone")
		rmdir("../gone")
		e := noent
		if symlink("/", "../gone") == 0 {
			e = tryOpen("etc/shadow", rdonly)
		}
		chdir(inTop("w"))
		unlink("gone")
		return e
	}},
	// a root in another
	{"nested.rename", busy, all, func() int { return rename("data", "moved") }},
	{"nested.rmdir", busy, all, func() int { return rmdir("data") }},
	{"nested.rename-above", busy, all, func() int { return rename("mid", "moved") }},
	{"nested.symlink", exist, all, func() int { return symlink("/", "data") }},
	{"nested.replace", busy, all, func() int { mkdir("empty", 0755); defer rmdir("empty"); return rename("empty", "data") }},
	{"nested.reads-its-own", 0, all, func() int { return readOf("data/x", "inside") }},
	{"cwd.moved", 0, inSub, func() int {
		rename("../sub", "../elsewhere")
		symlink("/", "../sub")
		makeFile("mine", 0644)
		return tryOpen("../elsewhere/mine", rdonly)
	}},
	// --stdin FILE lies below a writable directory
	{"stdin.replaced", 0, all, func() int {
		unlink("stdin.txt")
		symlink(inTop("outside/secret"), "stdin.txt")
		var b [16]byte
		if n, _ := syscall.Read(0, b[:15]); string(b[:n]) != "input" {
			return leaked
		}
		return 0
	}},
	// swaps by another process
	{"swap.chmod", 0, swaps, func() int { return repeat(func() int { return chmod("swap/f", 0644) }) }},
	{"swap.truncate", 0, swaps, func() int { return repeat(func() int { return truncate("swap/f", 6) }) }},
	{"swap.stat", 0, swaps, func() int {
		return repeat(func() int {
			var st syscall.Stat_t
			if syscall.Stat("swap/f", &st) == nil && st.Size == 7 {
				return leaked
			}
			return 0
		})
	}},
	{"swap.utimes", 0, swaps, func() int { return repeat(func() int { return call(libc_utimes, text("swap/f"), 0) }) }},
	{"swap.read", 0, swaps, func() int { return repeat(func() int { return readOf("swap/f", "inside") }) }},
	{"swap.write", 0, swaps, func() int {
		return repeat(func() int {
			return with("swap/f", rdwr|trunc, func(fd int) int { n, _ := syscall.Write(fd, []byte("inside")); return n })
		})
	}},
	{"swap.link", 0, swaps, func() int {
		return repeat(func() int { linkAt("swap/f", "hard", 0x40); defer unlink("hard"); return readOf("hard", "inside") })
	}},
	{"swap.directory-read", 0, swaps, func() int { return repeat(func() int { return readOf("swap/d/secret", "inside") }) }},
	{"swap.directory-create", 0, swaps, func() int { return repeat(func() int { makeFile("swap/d/new", 0644); return unlink("swap/d/new") }) }},
	{"swap.directory-rename", 0, swaps, func() int {
		return repeat(func() int { makeFile("swap/m", 0644); rename("swap/m", "swap/d/m"); return unlink("swap/d/m") })
	}},
	{"swap.directory-chdir", 0, swaps, func() int {
		return repeat(func() int { chdir("swap/d"); defer chdir(inTop("w")); return readOf("secret", "inside") })
	}},
	{"swap.directory-held", 0, swaps, func() int {
		return repeat(func() int {
			return with("swap/d", rdonly, func(dir int) int {
				file := call(libc_openat, uintptr(dir), text("secret"), uintptr(rdonly))
				if file < 0 {
					return file
				}
				defer closeFd(file)
				return content(file, "inside")
			})
		})
	}},
	// modes
	{"mode.create", 0755, all, func() int { makeFile("m", 06755); defer unlink("m"); return modeOf("m") }},
	{"mode.mkdir", 01755, all, func() int { mkdir("m", 07777); defer rmdir("m"); return modeOf("m") }},
	{"mode.chmod", 0755, all, func() int { makeFile("m", 0644); defer unlink("m"); chmod("m", 06755); return modeOf("m") }},
	{"mode.fchmod", 0711, all, func() int {
		makeFile("m", 0644)
		defer unlink("m")
		with("m", rdwr, func(fd int) int { return errno(syscall.Fchmod(fd, 04711)) })
		return modeOf("m")
	}},
	{"mode.fchmodat", 0755, all, func() int {
		makeFile("m", 0644)
		defer unlink("m")
		call(libc_fchmodat, here, text("m"), 06755, 0)
		return modeOf("m")
	}},
	{"mode.read-only", access, all, func() int { return chmod("../r/f", 0777) }},
	{"mode.read-only-descriptor", access, all, func() int {
		return with("../r/f", rdonly, func(fd int) int { return errno(syscall.Fchmod(fd, 0777)) })
	}},
	// forms of paths
	{"path.dotdot", noent, all, func() int { return tryOpen("../outside/secret", rdonly) }},
	{"path.dotdot-slashes", noent, all, func() int { return tryOpen(".././/..//../outside///secret", rdonly) }},
	{"path.dotdot-from-sub", noent, all, func() int { return tryOpen("sub/../../outside/secret", rdonly) }},
	{"path.dotdot-many", noent, all, func() int { return tryOpen("../../../../../../../../../../../../etc/shadow", rdonly) }},
	{"path.absolute", noent, all, func() int { return tryOpen(inTop("outside/secret"), rdonly) }},
	{"path.absolute-dotdot", noent, all, func() int { return tryOpen(inTop("w/../outside/secret"), rdonly) }},
	{"path.shadow", noent, all, func() int { return tryOpen("/etc/shadow", rdonly) }},
	{"path.private-etc", noent, all, func() int { return tryOpen("/private/etc/master.passwd", rdonly) }},
	{"path.create-outside", access, all, func() int { return tryOpen("../new", create|wronly) }},
	{"path.create-in-outside", noent, all, func() int { return tryOpen("../outside/new", create|wronly) }},
	{"path.mkdir-outside", access, all, func() int { return mkdir("../new", 0755) }},
	{"path.rename-outside", noent, all, func() int { return rename("f", "../outside/f") }},
	{"path.rename-inside", noent, all, func() int { return rename("../outside/secret", "stolen") }},
	{"path.unlink-outside", noent, all, func() int { return unlink("../outside/secret") }},
	{"path.rmdir-above", access, all, func() int { return rmdir("..") }},
	{"path.stat-outside", noent, all, func() int { return stat("../outside/secret") }},
	{"path.chmod-outside", noent, all, func() int { return chmod("../outside/secret", 0777) }},
	{"path.truncate-outside", noent, all, func() int { return truncate("../outside/secret", 0) }},
	{"path.access-outside", noent, all, func() int { return errno(syscall.Access("../outside/secret", 0)) }},
	{"path.utimes-outside", noent, all, func() int { return call(libc_utimes, text("../outside/secret"), 0) }},
	{"path.chdir-outside", noent, all, func() int { return chdir("../outside") }},
	{"path.realpath-outside", 0, all, func() int {
		if r, _, _ := call6(libc_realpath, text("../outside/secret"), address(), 0, 0, 0, 0); r != 0 {
			return leaked
		}
		return 0
	}},
	{"path.list-above", 0, all, func() int {
		return with("..", rdonly, func(fd int) int {
			var b [4096]byte
			n, err := syscall.Getdirentries(fd, b[:], new(uintptr))
			for i := 0; i+7 < n; i++ {
				if string(b[i:i+7]) == "outside" {
					return leaked
				}
			}
			return errno(err)
		})
	}},
	{"path.slash", notdir, all, func() int { return tryOpen("f/", rdonly) }},
	{"path.file-dotdot", notdir, all, func() int { return tryOpen("f/../f", rdonly) }},
	{"path.outside-slash", noent, all, func() int { return tryOpen("../outside/", rdonly) }},
	{"path.empty", noent, all, func() int { return call(libc_openat, here, text(""), 0) }},
	{"path.long", long, all, func() int { return tryOpen(repeated("/", 4096), rdonly) }},
	{"path.long-name", long, all, func() int { return tryOpen(repeated("n", 256), rdonly) }},
	{"path.long-dots", noent, all, func() int { return tryOpen(repeated("../", 990)+"etc/shadow", rdonly) }},
	{"path.odd-bytes", 0, all, func() int {
		return makeFile("\xff\xfe\n\x1b[31m", 0644) + unlink("\xff\xfe\n\x1b[31m")
	}},
	{"path.bad-pointer", fault, all, func() int { return call(libc_openat, here, 0x10, 0) }},
	{"path.kernel-pointer", fault, all, func() int { return call(libc_openat, here, 0xffffff8000200000, 0) }},
	{"dev.mem", noent, all, func() int { return tryOpen("/dev/mem", rdwr) }},
	{"dev.kmem", noent, all, func() int { return tryOpen("/dev/kmem", rdwr) }},
	{"dev.tty", noent, all, func() int { return tryOpen("/dev/tty", rdwr) }},
	{"dev.disk", noent, all, func() int { return tryOpen("/dev/disk0", rdonly) }},
	{"dev.fd", noent, all, func() int { return tryOpen("/dev/fd/77", rdonly) }},
	{"dev.null-dotdot", noent, all, func() int { return tryOpen("/dev/null/../mem", rdonly) }},
	{"proc.root", noent, all, func() int { return tryOpen("/proc/self/root/etc/shadow", rdonly) }},
	{"proc.environ", noent, all, func() int { return tryOpen("/proc/1/environ", rdonly) }},
	{"proc.mem", noent, all, func() int { return tryOpen("/proc/self/mem", rdwr) }},
	{"proc.exe", noent, all, func() int { return tryOpen("/proc/self/exe", rdonly) }},
	{"vol.inode", noent, all, func() int { return tryOpen("/.vol/1234/2", rdonly) }},
	// links
	{"link.relative", noent, all, func() int { return openThrough("../outside/secret", rdonly) }},
	{"link.absolute", noent, all, func() int { return openThrough(inTop("outside/secret"), rdonly) }},
	{"link.create-through", noent, all, func() int { return openThrough(inTop("outside/new"), create|wronly) }},
	{"link.write-through", noent, all, func() int { return openThrough("../outside/secret", wronly) }},
	{"link.stat-through", noent, all, func() int { return through("../outside/secret", stat) }},
	{"link.chmod-through", noent, all, func() int { return through("../outside/secret", func(l string) int { return chmod(l, 0777) }) }},
	{"link.truncate-through", noent, all, func() int { return through("../outside/secret", func(l string) int { return truncate(l, 0) }) }},
	{"link.chdir-through", noent, all, func() int { return through("../outside", chdir) }},
	{"link.directory", noent, all, func() int { return through("../outside", func(string) int { return tryOpen("l/secret", rdonly) }) }},
	{"link.directory-mkdir", noent, all, func() int { return through("../outside", func(string) int { return mkdir("l/new", 0755) }) }},
	{"link.directory-rename", noent, all, func() int { return through("../outside", func(string) int { return rename("f", "l/f") }) }},
	{"link.slash", noent, all, func() int { return through("../outside", func(string) int { return tryOpen("l/", rdonly) }) }},
	{"link.proc-root", noent, all, func() int { return openThrough("/proc/self/root/etc/shadow", rdonly) }},
	{"link.out-and-in", 0, all, func() int { return through("../w/f", func(l string) int { return readOf(l, "inside") }) }},
	{"link.other-root", 0, all, func() int { return through(inTop("r/f"), func(l string) int { return readOf(l, "inside") }) }},
	{"link.made-outside-before", noent, all, func() int { return tryOpen("link_out", rdonly) }},
	{"link.made-outside-directory", noent, all, func() int { return tryOpen("dir_out/secret", rdonly) }},
	{"link.loop", loop, all, func() int { return openThrough("l", rdonly) }},
	{"link.nofollow", loop, all, func() int { return openThrough("f", 0x100) }},
	{"link.over-existing", exist, all, func() int { return symlink("/", "f") }},
	{"link.readlink-outside", noent, all, func() int { return call(libc_readlinkat, here, text("../outside/link"), address(), 100) }},
	{"hard.outside", noent, all, func() int { return errno(syscall.Link("../outside/secret", "hard")) }},
	{"hard.through-link", noent, all, func() int { return through("../outside/secret", func(l string) int { return linkAt(l, "hard", 0x40) }) }},
	{"hard.to-outside", noent, all, func() int { return errno(syscall.Link("f", "../outside/hard")) }},
	{"hard.read-only", access, all, func() int { return errno(syscall.Link("../r/f", "hard")) }},
	{"hard.directory", perm, all, func() int { return errno(syscall.Link("sub", "hard")) }},
	{"hard.clone", -int(syscall.ENOTSUP), all, func() int { return call(libc_clonefile, text("../outside/secret"), text("clone"), 0) }},
	// read-only
	{"read-only.open", access, all, func() int { return tryOpen("../r/f", rdwr) }},
	{"read-only.truncate-at-open", access, all, func() int { return tryOpen("../r/f", rdonly|trunc) }},
	{"read-only.truncate", access, all, func() int { return truncate("../r/f", 0) }},
	{"read-only.create", access, all, func() int { return tryOpen("../r/new", create|wronly) }},
	{"read-only.unlink", access, all, func() int { return unlink("../r/f") }},
	{"read-only.unlinkat", access, all, func() int { return call(libc_unlinkat, here, text("../r/f"), 0) }},
	{"read-only.mkdirat", access, all, func() int { return call(libc_mkdirat, here, text("../r/d"), 0755) }},
	{"read-only.symlinkat", access, all, func() int { return call(libc_symlinkat, text("/"), here, text("../r/l")) }},
	{"read-only.rename-out", access, all, func() int { return rename("../r/f", "stolen") }},
	{"read-only.rename-over", access, all, func() int { return call(libc_renameat, here, text("f"), here, text("../r/f")) }},
	{"read-only.through-link", access, all, func() int { return openThrough("../r/f", wronly) }},
	{"read-only.shared-mapping", access, all, func() int {
		return with("../r/f", rdonly, func(fd int) int { _, err := syscall.Mmap(fd, 0, 4096, 3, syscall.MAP_SHARED); return errno(err) })
	}},
	// special files
	{"special.fifo-read", access, all, func() int { return tryOpen("fifo", rdonly) }},
	{"special.fifo-write", access, all, func() int { return tryOpen("fifo", wronly) }},
	{"special.socket", access, all, func() int { return tryOpen("socket", rdonly) }},
	{"special.mkfifo", perm, all, func() int { return errno(syscall.Mkfifo("node", 0666)) }},
	{"special.mknod", perm, all, func() int { return errno(syscall.Mknod("node", syscall.S_IFCHR|0666, 0x101)) }},
	{"special.chown", perm, all, func() int { return errno(syscall.Chown("f", 0, 0)) }},
	{"special.setxattr", -int(syscall.ENOTSUP), all, func() int { return call(libc_setxattr, text("f"), text("com.apple.quarantine"), address(), 1, 0, 0) }},
	// descriptors
	{"fd.inherited-read", badf, all, func() int { _, err := syscall.Read(77, buffer[:10]); return errno(err) }},
	{"fd.inherited-dup", badf, all, func() int { _, err := syscall.Dup(77); return errno(err) }},
	{"fd.inherited-at", badf, all, func() int { return call(libc_openat, 78, text("secret"), 0) }},
	{"fd.inherited-fchdir", badf, all, func() int { return errno(syscall.Fchdir(78)) }},
	{"fd.all", 0, all, func() int {
		for fd := 3; fd < 1100; fd++ {
			// Package syscall and the runtime may have kqueue and its pipe.
			if n, err := syscall.Pread(fd, buffer[:1], 0); err == nil && n > 0 {
				return fd
			}
		}
		return 0
	}},
	{"fd.file-as-directory", notdir, all, func() int {
		return with("f", rdonly, func(fd int) int { return call(libc_openat, uintptr(fd), text("x"), 0) })
	}},
	{"fd.fchdir-file", notdir, all, func() int { return with("f", rdonly, func(fd int) int { return errno(syscall.Fchdir(fd)) }) }},
	{"fd.minus-one", badf, all, func() int { return call(libc_openat, ^uintptr(0), text("f"), 0) }},
	{"fd.read-directory", isdir, all, func() int {
		return with("sub", rdonly, func(fd int) int { _, err := syscall.Read(fd, buffer[:10]); return errno(err) })
	}},
	{"fd.write-read-only", badf, all, func() int {
		return with("f", rdonly, func(fd int) int { _, err := syscall.Write(fd, buffer[:1]); return errno(err) })
	}},
	{"fd.dotdot", noent, all, func() int {
		return with("sub", rdonly, func(fd int) int { return call(libc_openat, uintptr(fd), text("../../outside/secret"), 0) })
	}},
	{"fd.root-dotdot", noent, all, func() int {
		return with("/", rdonly, func(fd int) int { return call(libc_openat, uintptr(fd), text("etc/shadow"), 0) })
	}},
	{"fd.renamed-directory", 0, all, func() int {
		mkdir("one", 0755)
		makeFile("one/x", 0644)
		return with("one", rdonly, func(dir int) int {
			rename("one", "two")
			symlink("../outside", "one")
			file := call(libc_openat, uintptr(dir), text("x"), 0)
			e := content(file, "mine")
			syscall.Close(file)
			unlink("one")
			unlink("two/x")
			rmdir("two")
			return e
		})
	}},
	{"fd.renamed-file", 0, all, func() int {
		makeFile("one", 0644)
		return with("one", rdwr, func(fd int) int {
			rename("one", "two")
			symlink("../outside/secret", "one")
			syscall.Fchmod(fd, 0600)
			syscall.Ftruncate(fd, 2)
			e := content(fd, "mi")
			unlink("one")
			unlink("two")
			return e
		})
	}},
	// sizes
	{"size.pread-negative", inval, all, func() int {
		return with("f", rdonly, func(fd int) int { _, err := syscall.Pread(fd, buffer[:1], -1); return errno(err) })
	}},
	{"size.read-bad-buffer", fault, all, func() int { return with("f", rdonly, func(fd int) int { return direct(3, uintptr(fd), 0x10, 6) }) }},
	{"size.write-bad-buffer", fault, all, func() int {
		return with("f", rdwr, func(fd int) int { return direct(4, uintptr(fd), 0xffffff8000200000, 6) })
	}},
	{"size.truncate-negative", inval, all, func() int { return truncate("f", -1) }},
	{"size.readv-many", inval, all, func() int {
		return with("f", rdonly, func(fd int) int { return call(libc_readv, uintptr(fd), address(), 1025) })
	}},
	{"size.mmap-huge", -int(syscall.ENOMEM), all, func() int { return direct6(197, 0, 1<<62, 3, 0x1002, ^uintptr(0), 0) }},
	{"size.mincore-huge", -int(syscall.ENOMEM), all, func() int { return call(libc_mincore, 0x1000000000, 1<<62, address()) }},
	{"size.malloc-huge", 0, all, func() int { r, _, _ := call6(libc_malloc, 1<<62, 0, 0, 0, 0, 0); return int(r) }},
	// processes
	{"process.fork", perm, all, func() int { return direct(2, 0, 0, 0) }},
	{"process.start", perm, all, func() int {
		_, err := syscall.ForkExec("/bin/sh", []string{"sh"}, nil)
		return errno(err)
	}},
	{"process.exec", access, all, func() int { return errno(syscall.Exec("/bin/sh", []string{"sh"}, nil)) }},
	{"process.kill-init", -int(syscall.ESRCH), all, func() int { return errno(syscall.Kill(1, syscall.SIGKILL)) }},
	{"process.kill-all", -int(syscall.ESRCH), all, func() int { return errno(syscall.Kill(-1, syscall.SIGKILL)) }},
	{"process.kill-parent", -int(syscall.ESRCH), all, func() int { return errno(syscall.Kill(syscall.Getppid(), syscall.SIGKILL)) }},
	{"process.kill-groups", 0, all, func() int {
		for pid := 2; pid < 999; pid++ {
			if syscall.Kill(-pid, syscall.SIGKILL) != syscall.ESRCH {
				return pid
			}
		}
		return 0
	}},
	{"process.ptrace", perm, all, func() int { return direct(26, 10, 1, 0) }},
	{"process.setuid", perm, all, func() int { return errno(syscall.Setuid(0)) }},
	{"process.setgroups", perm, all, func() int { return errno(syscall.Setgroups([]int{0})) }},
	{"process.wait", -int(syscall.ECHILD), all, func() int { _, err := syscall.Wait4(-1, nil, 0, nil); return errno(err) }},
	{"process.thread-flood", -int(syscall.EAGAIN), last, threadFlood},
	{"mount.chroot", perm, all, func() int { return errno(syscall.Chroot("..")) }},
	{"mount.unmount", perm, all, func() int { return errno(syscall.Unmount("/", 0)) }},
	{"kernel.settimeofday", perm, all, func() int { return errno(syscall.Settimeofday(&syscall.Timeval{Sec: 1})) }},
	{"kernel.sysctl-set", perm, all, func() int {
		mib := [2]uint32{1, 10} // kern.hostname
		r := call(libc_sysctl, uintptr(unsafe.Pointer(&mib[0])), 2, 0, 0, text("x"), 1)
		return r
	}},
	{"kernel.ioctl-tiocsti", -int(syscall.ENOTTY), all, func() int { return direct(54, 0, 0x80017472, text("x")) }},
	// sockets
	{"socket.tcp-outward", -int(syscall.ENETUNREACH), all, func() int { return connectIP([4]byte{8, 8, 8, 8}, syscall.SOCK_STREAM) }},
	{"socket.udp-outward", -int(syscall.ENETUNREACH), all, func() int { return connectIP([4]byte{8, 8, 8, 8}, syscall.SOCK_DGRAM) }},
	{"socket.tcp-hosts-loopback", -int(syscall.ECONNREFUSED), all, func() int { return connectIP([4]byte{127, 0, 0, 1}, syscall.SOCK_STREAM) }},
	{"socket.unix-hosts", noent, all, func() int { return unixSocket(inTop("outside/socket"), false) }},
	{"socket.unix-hosts-inside", noent, all, func() int { return unixSocket("socket", false) }},
	{"socket.unix-bind-outside", access, all, func() int { return unixSocket("../outside/new", true) }},
	{"socket.unix-bind-inside", access, all, func() int { return unixSocket("new", true) }},
	{"socket.ipv6", -int(syscall.EAFNOSUPPORT), all, func() int { return socket(syscall.AF_INET6, syscall.SOCK_STREAM) }},
	{"socket.system", -int(syscall.EAFNOSUPPORT), all, func() int { return socket(32, syscall.SOCK_DGRAM) }},
	{"socket.route", -int(syscall.EAFNOSUPPORT), all, func() int { return socket(syscall.AF_ROUTE, syscall.SOCK_RAW) }},
	{"socket.ndrv", -int(syscall.EAFNOSUPPORT), all, func() int { return socket(27, syscall.SOCK_RAW) }},
	{"socket.raw", -int(syscall.EPROTOTYPE), all, func() int { return socket(syscall.AF_INET, syscall.SOCK_RAW) }},
	{"socket.rights", -int(syscall.EOPNOTSUPP), all, rights},
	// what deferscope does not have ends the run, with its name
	{"ends.posix-spawn", 0, ends, func() int { return call(libc_posix_spawn, address(), text("/bin/sh")) }},
	{"ends.system", 0, ends, func() int { return call(libc_system, text("id")) }},
	{"ends.popen", 0, ends, func() int { return call(libc_popen, text("id"), text("r")) }},
	{"ends.task-for-pid", 0, ends, func() int { return call(libc_task_for_pid, 0, 1, address()) }},
	{"ends.mach-vm-read", 0, ends, func() int { return call(libc_mach_vm_read, 0x103, 0, 4096, address(), address()) }},
	{"ends.shm-open", 0, ends, func() int { return call(libc_shm_open, text("/x"), uintptr(create|rdwr), 0600) }},
	{"ends.sem-open", 0, ends, func() int { return call(libc_sem_open, text("/x"), uintptr(create), 0600) }},
	{"ends.dlopen", 0, ends, func() int { return call(libc_dlopen, text("/usr/lib/libSystem.B.dylib"), 1) }},
	{"ends.getattrlistbulk", 0, ends, func() int { return direct(461, 0, address(), address()) }},
	{"ends.openbyid-np", 0, ends, func() int { return direct(479, address(), address(), 0) }},
	{"ends.process-vm", 0, ends, func() int { return direct(336, 1, 1, 0) }}, // proc_info
	{"ends.reboot", 0, ends, func() int { return direct(55, 0, 0, 0) }},
	{"ends.ktrace", 0, ends, func() int { return direct(45, 0, 0, 0) }},
	{"ends.negative", 0, ends, func() int { return direct(^uintptr(0)&0xffffff, 0, 0, 0) }},
}

func runEscapes(words []string) {
	say("start\n")
	for _, word := range words {
		if word == "swapper" {
			swapper()
		}
		for _, row := range escapes {
			if word == row.name || word == row.kind && word != last && word != ends && word != inSub {
				say(row.name + "\t" + decimal(row.attempt()) + "\t" + decimal(row.want) + "\t-\n")
			}
		}
	}
}
