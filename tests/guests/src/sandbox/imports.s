// Functions of libSystem by name, and where calls.go finds their addresses.
#include "textflag.h"

TEXT libc_openat_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_openat(SB)
GLOBL	·libc_openat(SB), RODATA, $8
DATA	·libc_openat(SB)/8, $libc_openat_trampoline<>(SB)

TEXT libc_unlinkat_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_unlinkat(SB)
GLOBL	·libc_unlinkat(SB), RODATA, $8
DATA	·libc_unlinkat(SB)/8, $libc_unlinkat_trampoline<>(SB)

TEXT libc_mkdirat_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_mkdirat(SB)
GLOBL	·libc_mkdirat(SB), RODATA, $8
DATA	·libc_mkdirat(SB)/8, $libc_mkdirat_trampoline<>(SB)

TEXT libc_renameat_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_renameat(SB)
GLOBL	·libc_renameat(SB), RODATA, $8
DATA	·libc_renameat(SB)/8, $libc_renameat_trampoline<>(SB)

TEXT libc_linkat_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_linkat(SB)
GLOBL	·libc_linkat(SB), RODATA, $8
DATA	·libc_linkat(SB)/8, $libc_linkat_trampoline<>(SB)

TEXT libc_symlinkat_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_symlinkat(SB)
GLOBL	·libc_symlinkat(SB), RODATA, $8
DATA	·libc_symlinkat(SB)/8, $libc_symlinkat_trampoline<>(SB)

TEXT libc_faccessat_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_faccessat(SB)
GLOBL	·libc_faccessat(SB), RODATA, $8
DATA	·libc_faccessat(SB)/8, $libc_faccessat_trampoline<>(SB)

TEXT libc_readlinkat_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_readlinkat(SB)
GLOBL	·libc_readlinkat(SB), RODATA, $8
DATA	·libc_readlinkat(SB)/8, $libc_readlinkat_trampoline<>(SB)

TEXT libc_fchmodat_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_fchmodat(SB)
GLOBL	·libc_fchmodat(SB), RODATA, $8
DATA	·libc_fchmodat(SB)/8, $libc_fchmodat_trampoline<>(SB)

TEXT libc_renamex_np_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_renamex_np(SB)
GLOBL	·libc_renamex_np(SB), RODATA, $8
DATA	·libc_renamex_np(SB)/8, $libc_renamex_np_trampoline<>(SB)

TEXT libc_clonefile_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_clonefile(SB)
GLOBL	·libc_clonefile(SB), RODATA, $8
DATA	·libc_clonefile(SB)/8, $libc_clonefile_trampoline<>(SB)

TEXT libc_getattrlist_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_getattrlist(SB)
GLOBL	·libc_getattrlist(SB), RODATA, $8
DATA	·libc_getattrlist(SB)/8, $libc_getattrlist_trampoline<>(SB)

TEXT libc_setxattr_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_setxattr(SB)
GLOBL	·libc_setxattr(SB), RODATA, $8
DATA	·libc_setxattr(SB)/8, $libc_setxattr_trampoline<>(SB)

TEXT libc_realpath_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_realpath(SB)
GLOBL	·libc_realpath(SB), RODATA, $8
DATA	·libc_realpath(SB)/8, $libc_realpath_trampoline<>(SB)

TEXT libc_utimes_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_utimes(SB)
GLOBL	·libc_utimes(SB), RODATA, $8
DATA	·libc_utimes(SB)/8, $libc_utimes_trampoline<>(SB)

TEXT libc_pthread_create_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_pthread_create(SB)
GLOBL	·libc_pthread_create(SB), RODATA, $8
DATA	·libc_pthread_create(SB)/8, $libc_pthread_create_trampoline<>(SB)

TEXT libc_pause_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_pause(SB)
GLOBL	·libc_pause(SB), RODATA, $8
DATA	·libc_pause(SB)/8, $libc_pause_trampoline<>(SB)

TEXT libc_pthread_key_create_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_pthread_key_create(SB)
GLOBL	·libc_pthread_key_create(SB), RODATA, $8
DATA	·libc_pthread_key_create(SB)/8, $libc_pthread_key_create_trampoline<>(SB)

TEXT libc_malloc_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_malloc(SB)
GLOBL	·libc_malloc(SB), RODATA, $8
DATA	·libc_malloc(SB)/8, $libc_malloc_trampoline<>(SB)

TEXT libc_usleep_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_usleep(SB)
GLOBL	·libc_usleep(SB), RODATA, $8
DATA	·libc_usleep(SB)/8, $libc_usleep_trampoline<>(SB)

TEXT libc_getaddrinfo_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_getaddrinfo(SB)
GLOBL	·libc_getaddrinfo(SB), RODATA, $8
DATA	·libc_getaddrinfo(SB)/8, $libc_getaddrinfo_trampoline<>(SB)

TEXT libc_readv_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_readv(SB)
GLOBL	·libc_readv(SB), RODATA, $8
DATA	·libc_readv(SB)/8, $libc_readv_trampoline<>(SB)

TEXT libc_mincore_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_mincore(SB)
GLOBL	·libc_mincore(SB), RODATA, $8
DATA	·libc_mincore(SB)/8, $libc_mincore_trampoline<>(SB)

TEXT libc_setitimer_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_setitimer(SB)
GLOBL	·libc_setitimer(SB), RODATA, $8
DATA	·libc_setitimer(SB)/8, $libc_setitimer_trampoline<>(SB)

TEXT libc_posix_spawn_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_posix_spawn(SB)
GLOBL	·libc_posix_spawn(SB), RODATA, $8
DATA	·libc_posix_spawn(SB)/8, $libc_posix_spawn_trampoline<>(SB)

TEXT libc_system_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_system(SB)
GLOBL	·libc_system(SB), RODATA, $8
DATA	·libc_system(SB)/8, $libc_system_trampoline<>(SB)

TEXT libc_task_for_pid_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_task_for_pid(SB)
GLOBL	·libc_task_for_pid(SB), RODATA, $8
DATA	·libc_task_for_pid(SB)/8, $libc_task_for_pid_trampoline<>(SB)

TEXT libc_shm_open_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_shm_open(SB)
GLOBL	·libc_shm_open(SB), RODATA, $8
DATA	·libc_shm_open(SB)/8, $libc_shm_open_trampoline<>(SB)

TEXT libc_sem_open_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_sem_open(SB)
GLOBL	·libc_sem_open(SB), RODATA, $8
DATA	·libc_sem_open(SB)/8, $libc_sem_open_trampoline<>(SB)

TEXT libc_dlopen_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_dlopen(SB)
GLOBL	·libc_dlopen(SB), RODATA, $8
DATA	·libc_dlopen(SB)/8, $libc_dlopen_trampoline<>(SB)

TEXT libc_mach_vm_read_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_mach_vm_read(SB)
GLOBL	·libc_mach_vm_read(SB), RODATA, $8
DATA	·libc_mach_vm_read(SB)/8, $libc_mach_vm_read_trampoline<>(SB)

TEXT libc_popen_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_popen(SB)
GLOBL	·libc_popen(SB), RODATA, $8
DATA	·libc_popen(SB)/8, $libc_popen_trampoline<>(SB)

TEXT libc_sysctl_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_sysctl(SB)
GLOBL	·libc_sysctl(SB), RODATA, $8
DATA	·libc_sysctl(SB)/8, $libc_sysctl_trampoline<>(SB)

TEXT libc_sigaction_trampoline<>(SB),NOSPLIT,$0-0
	JMP	libc_sigaction(SB)
GLOBL	·libc_sigaction(SB), RODATA, $8
DATA	·libc_sigaction(SB)/8, $libc_sigaction_trampoline<>(SB)
