/* The text of Derive's private/order and private/replace requests (protocol sheet, section 3), written in place.
 *
 * The very integers that were signed are printed, in the order of fields that the codec in venues/derive has:
 * {"id":7,"method":"private/order","params":{"instrument_name":"ETH-20270625-6000-C","subaccount_id":75723,
 * "direction":"buy","order_type":"limit","time_in_force":"gtc","limit_price":"215.3","amount":"1.5","max_fee":"12.75",
 * "nonce":"1761000000123456789","signature_expiry_sec":1761003600,"signer":"0xf39F...","signature":"0x...",
 * "reduce_only":false,"mmp":true,"label":"mm.3.17"}}
 */
#ifndef ATOMIZER_ORDER_MESSAGE_H
#define ATOMIZER_ORDER_MESSAGE_H

#include "text.h"

enum { ORDER_NAME_SIZE = 64, ORDER_LABEL_SIZE = 48, ORDER_SIGNATURE_SIZE = 65, ORDER_MESSAGE_SIZE = 1024 };

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
    int is_bid;
    int reduce_only;
    order_life life;
} order_fields;

/* Text that stays, with its size. */
typedef struct {
    int size;
    char text[ORDER_NAME_SIZE];
} order_text;

/* Text that stays for all orders of one owner in one subaccount. */
typedef struct {
    uint64_t subaccount_id;
    int nonces_as_text;     /* API v3 sends them as strings: they are beyond a JSON double */
    int is_protected;       /* counts towards the venue's market maker protection */
    order_text signer;      /* 0x and 40 digits */
    order_text label;       /* what the label's number is appended to */
} order_owner;

static inline char *order_put_text(char *at, const order_text *text) {
    memcpy(at, text->text, ORDER_NAME_SIZE); /* a fixed size is a few wide moves; what is too much is written over */
    return at + text->size;
}

static inline char *order_put_nonce(char *at, uint64_t nonce, int as_text) {
    *at = '"';
    at = text_put_u64(at + as_text, nonce);
    *at = '"';
    return at + as_text;
}

static inline char *order_put_life(char *at, order_life life) {
    switch (life) {
        case ORDER_POST_ONLY: return TEXT_PUT(at, "post_only");
        case ORDER_IOC: return TEXT_PUT(at, "ioc");
        default: return TEXT_PUT(at, "gtc");
    }
}

/* Size of the message. `message` has room for ORDER_MESSAGE_SIZE, which the longest of everything does not fill. */
static inline int order_message_put(
    char *message, const order_fields *order, const order_text *instrument, const order_owner *owner,
    const uint8_t *signature
) {
    char *at = TEXT_PUT(message, "{\"id\":");
    at = text_put_u64(at, order->request_id);
    at = order->replaces_nonce ? TEXT_PUT(at, ",\"method\":\"private/replace\",\"params\":{\"instrument_name\":\"")
                               : TEXT_PUT(at, ",\"method\":\"private/order\",\"params\":{\"instrument_name\":\"");
    at = order_put_text(at, instrument);
    at = TEXT_PUT(at, "\",\"subaccount_id\":");
    at = text_put_u64(at, owner->subaccount_id);
    at = order->is_bid ? TEXT_PUT(at, ",\"direction\":\"buy\",\"order_type\":\"limit\",\"time_in_force\":\"")
                       : TEXT_PUT(at, ",\"direction\":\"sell\",\"order_type\":\"limit\",\"time_in_force\":\"");
    at = order_put_life(at, order->life);
    at = TEXT_PUT(at, "\",\"limit_price\":\"");
    at = text_put_nanos(at, (uint64_t)order->price_nanos);
    at = TEXT_PUT(at, "\",\"amount\":\"");
    at = text_put_nanos(at, (uint64_t)order->amount_nanos);
    at = TEXT_PUT(at, "\",\"max_fee\":\"");
    at = text_put_nanos(at, (uint64_t)order->max_fee_nanos);
    at = TEXT_PUT(at, "\",\"nonce\":");
    at = order_put_nonce(at, order->nonce, owner->nonces_as_text);
    at = TEXT_PUT(at, ",\"signature_expiry_sec\":");
    at = text_put_u64(at, order->expiry_s);
    at = TEXT_PUT(at, ",\"signer\":\"");
    at = order_put_text(at, &owner->signer);
    at = TEXT_PUT(at, "\",\"signature\":\"0x");
    at = text_put_hex(at, signature, ORDER_SIGNATURE_SIZE);
    at = order->reduce_only ? TEXT_PUT(at, "\",\"reduce_only\":true,") : TEXT_PUT(at, "\",\"reduce_only\":false,");
    at = owner->is_protected ? TEXT_PUT(at, "\"mmp\":true,\"label\":\"") : TEXT_PUT(at, "\"mmp\":false,\"label\":\"");
    at = order_put_text(at, &owner->label);
    at = text_put_u64(at, order->label_number);
    *at++ = '"';
    if (order->replaces_nonce) {
        at = TEXT_PUT(at, ",\"nonce_to_cancel\":");
        at = order_put_nonce(at, order->replaces_nonce, owner->nonces_as_text);
        at = TEXT_PUT(at, ",\"expected_filled_amount\":\"");
        at = text_put_nanos(at, (uint64_t)order->replaced_filled_nanos);
        *at++ = '"';
    }
    at = TEXT_PUT(at, "}}");
    return (int)(at - message);
}

#endif
