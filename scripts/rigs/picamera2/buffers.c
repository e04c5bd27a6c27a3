/* Preloaded: plays /dev/udmabuf and /dev/dma_heap with memfds, for libcamera's virtual camera and picamera2 on a kernel
 * that has neither. A memfd can be mapped and shared like the DMA buffer that a camera would fill. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

/* linux/udmabuf.h, linux/dma-heap.h, linux/dma-buf.h */
#define UDMABUF_CREATE 0x40187542u
#define DMA_HEAP_IOCTL_ALLOC 0xC0184800u
#define DMA_BUF_MAGIC 'b'
struct udmabuf_create { uint32_t memfd, flags; uint64_t offset, size; };
struct dma_heap_allocation { uint64_t len; uint32_t fd, fd_flags; uint64_t heap_flags; };

static int is_played(const char *path) {
    return path && (strcmp(path, "/dev/udmabuf") == 0 || strcmp(path, "/dev/dma_heap/linux,cma") == 0);
}

static int open_with(const char *name, const char *path, int flags, mode_t mode) {
    if (is_played(path))
        return memfd_create("camera-device", MFD_CLOEXEC);
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
    return real(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    return open_with("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    return open_with("open64", path, flags, mode);
}

int __open_2(const char *path, int flags) { return open_with("open", path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_with("open64", path, flags, 0); }

static int allocate(struct dma_heap_allocation *wanted) {
    int buffer = memfd_create("camera-buffer", MFD_CLOEXEC);
    if (buffer < 0 || ftruncate(buffer, (off_t)wanted->len) != 0)
        return -1;
    wanted->fd = (uint32_t)buffer;
    return 0;
}

int ioctl(int fd, unsigned long request, ...) {
    va_list more;
    va_start(more, request);
    void *argument = va_arg(more, void *);
    va_end(more);
    uint32_t code = (uint32_t)request;
    if (code == UDMABUF_CREATE)
        return fcntl((int)((struct udmabuf_create *)argument)->memfd, F_DUPFD_CLOEXEC, 0);
    if (code == DMA_HEAP_IOCTL_ALLOC)
        return allocate(argument);
    int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
    int done = real(fd, request, argument);
    if (done < 0 && ((code >> 8) & 0xff) == DMA_BUF_MAGIC)
        return 0; /* syncing and naming mean nothing for a memfd */
    return done;
}

/* The virtual camera of libcamera 0.4 never sets a frame's status, and picamera2 drops frames whose status is not 0. So all
 * memory that C++ asks for is zeroed. */
void *_Znwm(size_t size) {
    void *memory = calloc(1, size ? size : 1);
    if (!memory)
        abort();
    return memory;
}
void _ZdlPv(void *memory) { free(memory); }
void _ZdlPvm(void *memory, size_t size) { (void)size; free(memory); }
