/* WebSocket frames (RFC 6455, section 5): a client's text message, one whole frame, masked; and what a server's begin with.
 *
 * A mask must not be foreseen by whoever chooses the text, so that no text can look like something else on the wire. Here
 * nobody but us chooses it; masks are a stream of splitmix64 from a seed of the system's all the same.
 */
#ifndef ATOMIZER_WEBSOCKET_FRAME_H
#define ATOMIZER_WEBSOCKET_FRAME_H

#include <stdint.h>
#include <string.h>

enum {
    WEBSOCKET_HEAD_SIZE = 8,        /* of a text of 126 bytes to 64 KiB */
    WEBSOCKET_SHORT_HEAD_SIZE = 6   /* of a shorter one, which must not have the longer head */
};

static inline uint32_t websocket_next_mask(uint64_t *stream) {
    uint64_t mixed = *stream += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return (uint32_t)(mixed ^ mixed >> 31);
}

/* Makes a frame of a text of up to 65,535 bytes that stands WEBSOCKET_HEAD_SIZE bytes into it; its size. Up to fifteen
 * bytes beyond its end are touched: they belong to the buffer. */
static inline int websocket_frame_text(uint8_t *frame, int size, uint32_t mask) {
    const int is_short = size < 126, head_size = is_short ? WEBSOCKET_SHORT_HEAD_SIZE : WEBSOCKET_HEAD_SIZE;
    const uint8_t head[] = {0x81 /* the only frame of a text message */, 0x80 | 126, (uint8_t)(size >> 8), (uint8_t)size};
    const uint64_t wide = (uint64_t)mask << 32 | mask;
    uint8_t *text = frame + head_size;
    if (is_short)
        memmove(text, frame + WEBSOCKET_HEAD_SIZE, (size_t)size);
    memcpy(frame, head, 4);
    if (is_short)
        frame[1] = (uint8_t)(0x80 | size);
    memcpy(text - 4, &mask, 4);
    for (int done = 0; done < size; done += 16) {
        uint64_t words[2];
        memcpy(words, text + done, 16);
        words[0] ^= wide;
        words[1] ^= wide;
        memcpy(text + done, words, 16);
    }
    return head_size + size;
}

/* Bytes before the payload of a server's frame, and how many it has; 0: not all of them are there, or it is masked or
 * lies about its length. */
static inline int64_t websocket_head(const uint8_t *data, int64_t size, int64_t *payload) {
    if (size < 2 || data[1] > 127)
        return 0;
    if (data[1] < 126) {
        *payload = data[1];
        return 2;
    }
    const int wide = data[1] == 127;
    const int head = wide ? 10 : 4;
    if (size < head || (wide && data[2] > 127))
        return 0;
    uint64_t length = 0;
    for (int at = 2; at < head; at++)
        length = length << 8 | data[at];
    if (length < (wide ? 65536 : 126))
        return 0;
    *payload = (int64_t)length;
    return head;
}

/* The only frame of a text message, without extensions. */
static inline int websocket_is_whole_text(const uint8_t *frame) { return frame[0] == 0x81; }

#endif
