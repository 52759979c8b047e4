/* An order on its way out: what every venue's message and the journal's record are made of. */
#ifndef ATOMIZER_ORDER_FIELDS_H
#define ATOMIZER_ORDER_FIELDS_H

#include "text.h"

enum { ORDER_NAME_SIZE = 64, ORDER_LABEL_SIZE = 48, ORDER_MESSAGE_SIZE = 1024 };

typedef enum { ORDER_GTC = 0, ORDER_POST_ONLY = 1, ORDER_IOC = 2 } order_life;

/* What differs from order to order. Prices, amounts and fees in nanos, none of them negative. */
typedef struct {
    uint64_t request_id;
    int64_t price_nanos;
    int64_t amount_nanos;
    int64_t max_fee_nanos; /* per unit */
    uint64_t nonce;
    uint64_t replaces_nonce; /* of the order that this one replaces; 0: none */
    int64_t replaced_filled_nanos; /* how far that one has filled: the venue creates nothing if it is something else */
    uint64_t expiry_s;
    uint64_t label_number; /* ends the label */
    uint64_t replaces_number; /* ends the label of the order that this one replaces */
    int64_t now_ns; /* when it was decided */
    int is_bid;
    int reduce_only;
    order_life life;
} order_fields;

/* Text that stays, with its size. */
typedef struct {
    int size;
    char text[ORDER_NAME_SIZE];
} order_text;

/* What stays for all orders of one owner. */
typedef struct {
    int is_protected;       /* counts towards the venue's market maker protection */
    order_text label;       /* what the label's number is appended to */
} order_owner;

static inline char *order_put_text(char *at, const order_text *text) {
    memcpy(at, text->text, ORDER_NAME_SIZE); /* a fixed size is a few wide moves; what is too much is written over */
    return at + text->size;
}

#endif
