/* The journal's record of an order that is about to leave, byte for byte what Python writes.
 *
 * A frame of journal/frames.py around domain.trading.OrderPlaced as MessagePack: a map of the record's tag and its fields
 * in their order, each number in its shortest form. MessagePack counts in big endian, the frame in little endian.
 */
#ifndef ATOMIZER_ORDER_RECORD_H
#define ATOMIZER_ORDER_RECORD_H

#include "crc32.h"
#include "order_fields.h"

enum {
    RECORD_ADDRESS_SIZE = CRC32_HEAD_SIZE,  /* of a frame: length and sequence */
    RECORD_HEAD_SIZE = 16,      /* and the checksum */
    RECORD_SIZE = 640,          /* holds the longest, which has 438 bytes, and what text writers put beyond an end */
    RECORD_DIGITS = 20          /* of a number of 64 bits */
};

/* A literal that carries its length, as MessagePack has short text. */
#define RECORD_PUT(at, literal) ((uint8_t *)memcpy((at), (literal), sizeof(literal) - 1) + sizeof(literal) - 1)

static inline uint8_t *record_put_big_endian(uint8_t *at, uint8_t kind, uint64_t value, int size) {
    value = __builtin_bswap64(value) >> (64 - 8 * size);
    *at++ = kind;
    memcpy(at, &value, 8);
    return at + size;
}

static inline uint8_t *record_put_u64(uint8_t *at, uint64_t value) {
    if (value < 0x80) {
        *at = (uint8_t)value;
        return at + 1;
    }
    if (value <= 0xff) return record_put_big_endian(at, 0xcc, value, 1);
    if (value <= 0xffff) return record_put_big_endian(at, 0xcd, value, 2);
    if (value <= 0xffffffff) return record_put_big_endian(at, 0xce, value, 4);
    return record_put_big_endian(at, 0xcf, value, 8);
}

static inline uint8_t *record_put_bool(uint8_t *at, int value) {
    *at = value ? 0xc3 : 0xc2;
    return at + 1;
}

static inline uint8_t *record_put_text_size(uint8_t *at, int size) {
    if (size < 32) {
        *at = (uint8_t)(0xa0 | size);
        return at + 1;
    }
    at[0] = 0xd9;
    at[1] = (uint8_t)size;
    return at + 2;
}

static inline uint8_t *record_put_text(uint8_t *at, const order_text *text) {
    return (uint8_t *)order_put_text((char *)record_put_text_size(at, text->size), text);
}

/* A label: what all of an owner's begin with, and a number. */
static inline uint8_t *record_put_label(uint8_t *at, const order_text *prefix, uint64_t number) {
    char digits[RECORD_DIGITS + TEXT_SLACK];
    const int count = (int)(text_put_u64(digits, number) - digits);
    at = (uint8_t *)order_put_text((char *)record_put_text_size(at, prefix->size + count), prefix);
    memcpy(at, digits, RECORD_DIGITS);
    return at + count;
}

static inline uint8_t *record_put_life(uint8_t *at, order_life life) {
    switch (life) {
        case ORDER_POST_ONLY: return RECORD_PUT(at, "\xa9post_only");
        case ORDER_IOC: return RECORD_PUT(at, "\xa3ioc");
        default: return RECORD_PUT(at, "\xa3gtc");
    }
}

static inline uint8_t *record_put_order(
    uint8_t *at, const order_fields *order, const order_text *venue, const order_text *instrument, const order_owner *owner
) {
    at = RECORD_PUT(at, "\x8e\xa4type\xa5order\xa6now_ns");
    at = record_put_u64(at, (uint64_t)order->now_ns);
    at = RECORD_PUT(at, "\xa5venue");
    at = record_put_text(at, venue);
    at = RECORD_PUT(at, "\xa9" "client_id");
    at = record_put_label(at, &owner->label, order->label_number);
    at = RECORD_PUT(at, "\xa5nonce");
    at = record_put_u64(at, order->nonce);
    at = RECORD_PUT(at, "\xaainstrument");
    at = record_put_text(at, instrument);
    at = RECORD_PUT(at, "\xa4side");
    *at++ = order->is_bid ? 0x01 : 0xff; /* +1 and -1 */
    at = RECORD_PUT(at, "\xabprice_nanos");
    at = record_put_u64(at, (uint64_t)order->price_nanos);
    at = RECORD_PUT(at, "\xac" "amount_nanos");
    at = record_put_u64(at, (uint64_t)order->amount_nanos);
    at = RECORD_PUT(at, "\xadtime_in_force");
    at = record_put_life(at, order->life);
    at = RECORD_PUT(at, "\xabreduce_only");
    at = record_put_bool(at, order->reduce_only);
    at = RECORD_PUT(at, "\xa8hedge_of\xa0\xa8replaces");
    if (order->replaces_nonce) at = record_put_label(at, &owner->label, order->replaces_number);
    else *at++ = 0xa0;
    at = RECORD_PUT(at, "\xacis_protected");
    return record_put_bool(at, owner->is_protected);
}

/* Closes a frame whose payload is in place. */
static inline void record_put_head(uint8_t *frame, uint64_t sequence, uint32_t size, crc32_sum *sum) {
    memcpy(frame, &size, 4);
    memcpy(frame + 4, &sequence, 8);
    const uint32_t checksum = sum(frame, frame + RECORD_HEAD_SIZE, size);
    memcpy(frame + RECORD_ADDRESS_SIZE, &checksum, 4);
}

/* Size of the frame. `frame` has room for RECORD_SIZE. */
static inline int order_record_put(
    uint8_t *frame, uint64_t sequence, const order_fields *order, const order_text *venue,
    const order_text *instrument, const order_owner *owner, crc32_sum *sum
) {
    uint8_t *payload = frame + RECORD_HEAD_SIZE;
    const uint32_t size = (uint32_t)(record_put_order(payload, order, venue, instrument, owner) - payload);
    record_put_head(frame, sequence, size, sum);
    return RECORD_HEAD_SIZE + (int)size;
}

#endif
