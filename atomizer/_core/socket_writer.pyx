"""The way of whole WebSocket frames into a connection's socket: one system call, and no copy where it is plaintext."""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t

cdef extern from "<sys/socket.h>" nogil:
    enum:
        MSG_DONTWAIT
        MSG_NOSIGNAL
    Py_ssize_t send(int descriptor, const void* data, size_t size, int flags) noexcept


@cython.final
@cython.auto_pickle(False)
cdef class SocketWriter:

    def __cinit__(self):
        self.descriptor = -1

    def open(self, transport, stream, int descriptor):
        self.transport = transport
        self.stream = stream
        self.is_closing = stream.is_closing
        self.waiting_size = stream.get_write_buffer_size
        self.descriptor = descriptor
        self.was_asked = False

    def shut(self):
        self.transport = self.stream = self.is_closing = self.waiting_size = None
        self.descriptor = -1
        self.was_asked = False

    @property
    def is_open(self):
        return self.can_write()

    cdef bint can_write(self) except -1:
        if self.was_asked:
            return True
        # The stream is asked too: once it closes, before we are told, the descriptor can be another connection's.
        return not (self.transport is None or self.is_closing() or self.transport.is_close_frame_sent)

    cdef int ask(self) except -1:
        self.was_asked = False
        self.was_asked = self.can_write()
        return 0

    cdef void forget(self) noexcept:
        self.was_asked = False

    cdef int put(self, const uint8_t* frames, Py_ssize_t size) except -1:
        cdef Py_ssize_t sent = 0
        if self.descriptor >= 0 and not self.waiting_size():
            # Holds the interpreter's lock: who took it meanwhile would make us wait for longer than the kernel does.
            sent = max(send(self.descriptor, frames, size, MSG_DONTWAIT | MSG_NOSIGNAL), 0)
        if sent < size:         # full, encrypted, or gone, which the stream finds out
            self.forget()
            self.stream.write(PyBytes_FromStringAndSize(<const char*>frames + sent, size - sent))
        return 0

    def write(self, frames):
        cdef Py_buffer view
        if not self.can_write():
            return False
        PyObject_GetBuffer(frames, &view, PyBUF_SIMPLE)
        try:
            self.put(<const uint8_t*>view.buf, view.len)
        finally:
            PyBuffer_Release(&view)
        return True
