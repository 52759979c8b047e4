"""Sockets read again and again instead of being waited for: no wake-up and no event loop before a frame is read.

A socket belongs to its event loop all the same, which finds nothing left to read, or the end that a read of ours left.
"""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.string cimport memcpy

cdef extern from "<sys/socket.h>" nogil:
    enum:
        MSG_DONTWAIT
    Py_ssize_t recv(int descriptor, void* memory, size_t size, int flags) noexcept


@cython.final
@cython.auto_pickle(False)
cdef class Spinner:

    def __cinit__(self):
        self.readers = []

    def add(self, int descriptor, reader):
        if self.count == SOCKETS:
            return False
        self.descriptors[self.count] = descriptor
        self.readers.append(reader)
        self.count += 1
        return True

    def remove(self, reader):
        cdef int at
        for at in range(self.count):
            if self.readers[at] is reader:
                self.count -= 1
                self.descriptors[at] = self.descriptors[self.count]
                self.readers[at] = self.readers[self.count]
                del self.readers[self.count]
                return

    def __len__(self):
        return self.count

    def spin(self, int looks):
        cdef int _look, at = self.next_at
        cdef Py_ssize_t size = 0
        if not self.count:
            return False
        with nogil:
            for _look in range(looks):
                at = at + 1 if at + 1 < self.count else 0
                size = recv(self.descriptors[at], self.bytes_read, READ_SIZE, MSG_DONTWAIT)
                if size > 0:
                    break
        self.next_at = at
        if size > 0:
            self.deliver(at, size)
        return size > 0

    cdef int deliver(self, int at, Py_ssize_t size) except -1:
        """Into the reader's own memory, as asyncio gives bytes to a BufferedProtocol."""
        cdef object reader = self.readers[at]
        cdef Py_ssize_t done = 0, part
        cdef Py_buffer view
        while done < size:
            PyObject_GetBuffer(reader.get_buffer(size - done), &view, PyBUF_WRITABLE)
            part = min(view.len, size - done)
            memcpy(view.buf, self.bytes_read + done, part)
            PyBuffer_Release(&view)
            done += part
            reader.buffer_updated(part)
        return 0
