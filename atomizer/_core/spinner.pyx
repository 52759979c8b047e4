"""Sockets read again and again instead of being waited for: no wake-up and no event loop before a frame is read.

A whole text frame is first offered to the connection's reader, which is compiled too. All else goes to the connection's
protocol as it came, so that there is one judge of what a WebSocket may say. The event loop does not read meanwhile.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy

cdef extern from "<sys/socket.h>" nogil:
    enum:
        MSG_DONTWAIT
    Py_ssize_t recv(int descriptor, void* memory, size_t size, int flags) noexcept

cdef extern from "websocket_frame.h" nogil:
    bint websocket_is_whole_text(const uint8_t* frame) noexcept
    int64_t websocket_head(const uint8_t* data, int64_t size, int64_t* payload) noexcept


cdef class TextReader:

    cdef bint read_text(self, const char* text, Py_ssize_t size) except -1:
        raise NotImplementedError

    cdef int get_ready(self) except -1:
        return 0

    cdef void forget(self) noexcept:
        pass

    cdef int catch_up(self) except -1:
        return 0

    def read(self, text):
        cdef Py_buffer view
        cdef bint is_read
        PyObject_GetBuffer(text, &view, PyBUF_SIMPLE)
        try:
            is_read = self.read_text(<const char*>view.buf, view.len)
        finally:
            PyBuffer_Release(&view)
            self.catch_up()
        return is_read


@cython.final
@cython.auto_pickle(False)
cdef class SpunSocket:

    def __cinit__(self, int descriptor, protocol, on_end, on_failure):
        self.descriptor = descriptor
        self.protocol = protocol
        self.on_end = on_end
        self.on_failure = on_failure

    def read_first(self, TextReader reader):
        self.reader = reader

    def protocol_is_between_frames(self, bint is_between_frames):
        self.is_between_frames = is_between_frames

    cdef int deliver(self, const uint8_t* data, Py_ssize_t size) except -1:
        cdef int64_t head, payload = 0, frame
        cdef TextReader reader = self.reader
        while size > 0:
            frame = size
            if self.is_between_frames and self.reader is not None:
                head = websocket_head(data, size, &payload)
                if head > 0 and payload <= size - head:
                    frame = head + payload
                    reader = self.reader        # what was handed on before can have brought another one
                    if websocket_is_whole_text(data) and self.read_here(data, head, frame):
                        data += frame
                        size -= frame
                        continue
            self.let_catch_up(reader)
            self.hand_on(data, frame)
            data += frame
            size -= frame
        return self.let_catch_up(reader)

    cdef int let_catch_up(self, TextReader reader) except -1:
        try:
            if reader is not None:
                reader.forget()
                reader.catch_up()
        except Exception as failure:
            self.reader = None
            self.on_failure(failure)
        return 0

    cdef bint read_here(self, const uint8_t* data, Py_ssize_t head, Py_ssize_t size) except -1:
        cdef TextReader reader = self.reader        # ours while it works: what it leads to can take it away
        try:
            if not reader.read_text(<const char*>data + head, size - head):
                return False
        except Exception as failure:
            reader.forget()
            self.reader = None
            self.on_failure(failure)
        self.read_count += 1
        return True

    cdef int hand_on(self, const uint8_t* data, Py_ssize_t size) except -1:
        """Into the protocol's own memory, as asyncio gives it bytes."""
        cdef Py_ssize_t part
        cdef Py_buffer view
        while size > 0:
            PyObject_GetBuffer(self.protocol.get_buffer(size), &view, PyBUF_WRITABLE)
            part = min(view.len, size)
            memcpy(view.buf, data, part)
            PyBuffer_Release(&view)
            self.is_between_frames = False      # until the protocol says so of this part
            self.protocol.buffer_updated(part)
            data += part
            size -= part
        return 0


@cython.final
@cython.auto_pickle(False)
cdef class Spinner:

    def __cinit__(self):
        self.sockets = []

    def add(self, SpunSocket socket not None):
        if self.count == SOCKETS:
            return False
        self.descriptors[self.count] = socket.descriptor
        self.sockets.append(socket)
        self.count += 1
        return True

    def remove(self, SpunSocket socket not None):
        cdef int at
        for at in range(self.count):
            if self.sockets[at] is socket:
                self.count -= 1
                self.descriptors[at] = self.descriptors[self.count]
                self.sockets[at] = self.sockets[self.count]
                del self.sockets[self.count]
                return

    def __len__(self):
        return self.count

    cdef int get_ready(self) except -1:
        cdef SpunSocket socket
        try:
            for socket in self.sockets:
                if socket.reader is not None:
                    socket.reader.get_ready()
        except BaseException:
            self.forget_but(-1)
            raise
        return 0

    cdef int forget_but(self, int kept) except -1:
        """What the readers found out before, but for one whose socket is the next to be heard."""
        cdef SpunSocket socket
        cdef int at
        for at in range(self.count):
            socket = self.sockets[at]
            if at != kept and socket.reader is not None:
                socket.reader.forget()
        return 0

    def spin(self, int looks):
        cdef int _look, at = self.next_at
        cdef Py_ssize_t size = 0
        cdef bint has_something = False
        cdef SpunSocket socket
        if not self.count:
            return False
        self.get_ready()
        with nogil:
            for _look in range(looks):
                at = at + 1 if at + 1 < self.count else 0
                size = recv(self.descriptors[at], self.bytes_read, READ_SIZE, MSG_DONTWAIT)
                if size >= 0 or (errno != EAGAIN and errno != EINTR):
                    has_something = True
                    break
        self.next_at = at
        self.forget_but(at if has_something and size > 0 else -1)
        if has_something:
            socket = <SpunSocket>self.sockets[at]
            if size <= 0:
                self.remove(socket)
                socket.on_end()
                return True
            try:
                socket.deliver(self.bytes_read, size)
            except Exception as failure:        # of the protocol, which has lost what it did not take
                self.remove(socket)
                socket.on_failure(failure)
        return has_something
