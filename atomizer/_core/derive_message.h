/* The text of Derive's private/order and private/replace requests (protocol sheet, section 3), written in place.
 *
 * The very integers that were signed are printed, in the order of fields that the codec in venues/derive has:
 * {"id":7,"method":"private/order","params":{"instrument_name":"ETH-20270625-6000-C","subaccount_id":75723,
 * "direction":"buy","order_type":"limit","time_in_force":"gtc","limit_price":"215.3","amount":"1.5","max_fee":"12.75",
 * "nonce":"1761000000123456789","signature_expiry_sec":1761003600,"signer":"0xf39F...","signature":"0x...",
 * "reduce_only":false,"mmp":true,"label":"mm.3.17"}}
 */
#ifndef ATOMIZER_DERIVE_MESSAGE_H
#define ATOMIZER_DERIVE_MESSAGE_H

#include "order_fields.h"

enum { DERIVE_SIGNATURE_SIZE = 65 };

/* What stays for all orders of one signer in one subaccount. */
typedef struct {
    uint64_t subaccount_id;
    int nonces_as_text;     /* API v3 sends them as strings: they are beyond a JSON double */
    order_text signer;      /* 0x and 40 digits */
} derive_signing;

static inline char *derive_put_nonce(char *at, uint64_t nonce, int as_text) {
    *at = '"';
    at = text_put_u64(at + as_text, nonce);
    *at = '"';
    return at + as_text;
}

static inline char *derive_put_life(char *at, order_life life) {
    switch (life) {
        case ORDER_POST_ONLY: return TEXT_PUT(at, "post_only");
        case ORDER_IOC: return TEXT_PUT(at, "ioc");
        default: return TEXT_PUT(at, "gtc");
    }
}

/* Size of the message. `message` has room for ORDER_MESSAGE_SIZE, which the longest of everything does not fill. */
static inline int derive_message_put(
    char *message, const order_fields *order, const order_text *instrument, const order_owner *owner,
    const derive_signing *signing, const uint8_t *signature
) {
    char *at = TEXT_PUT(message, "{\"id\":");
    at = text_put_u64(at, order->request_id);
    at = order->replaces_nonce ? TEXT_PUT(at, ",\"method\":\"private/replace\",\"params\":{\"instrument_name\":\"")
                               : TEXT_PUT(at, ",\"method\":\"private/order\",\"params\":{\"instrument_name\":\"");
    at = order_put_text(at, instrument);
    at = TEXT_PUT(at, "\",\"subaccount_id\":");
    at = text_put_u64(at, signing->subaccount_id);
    at = order->is_bid ? TEXT_PUT(at, ",\"direction\":\"buy\",\"order_type\":\"limit\",\"time_in_force\":\"")
                       : TEXT_PUT(at, ",\"direction\":\"sell\",\"order_type\":\"limit\",\"time_in_force\":\"");
    at = derive_put_life(at, order->life);
    at = TEXT_PUT(at, "\",\"limit_price\":\"");
    at = text_put_nanos(at, (uint64_t)order->price_nanos);
    at = TEXT_PUT(at, "\",\"amount\":\"");
    at = text_put_nanos(at, (uint64_t)order->amount_nanos);
    at = TEXT_PUT(at, "\",\"max_fee\":\"");
    at = text_put_nanos(at, (uint64_t)order->max_fee_nanos);
    at = TEXT_PUT(at, "\",\"nonce\":");
    at = derive_put_nonce(at, order->nonce, signing->nonces_as_text);
    at = TEXT_PUT(at, ",\"signature_expiry_sec\":");
    at = text_put_u64(at, order->expiry_s);
    at = TEXT_PUT(at, ",\"signer\":\"");
    at = order_put_text(at, &signing->signer);
    at = TEXT_PUT(at, "\",\"signature\":\"0x");
    at = text_put_hex(at, signature, DERIVE_SIGNATURE_SIZE);
    at = order->reduce_only ? TEXT_PUT(at, "\",\"reduce_only\":true,") : TEXT_PUT(at, "\",\"reduce_only\":false,");
    at = owner->is_protected ? TEXT_PUT(at, "\"mmp\":true,\"label\":\"") : TEXT_PUT(at, "\"mmp\":false,\"label\":\"");
    at = order_put_text(at, &owner->label);
    at = text_put_u64(at, order->label_number);
    *at++ = '"';
    if (order->replaces_nonce) {
        at = TEXT_PUT(at, ",\"nonce_to_cancel\":");
        at = derive_put_nonce(at, order->replaces_nonce, signing->nonces_as_text);
        at = TEXT_PUT(at, ",\"expected_filled_amount\":\"");
        at = text_put_nanos(at, (uint64_t)order->replaced_filled_nanos);
        *at++ = '"';
    }
    at = TEXT_PUT(at, "}}");
    return (int)(at - message);
}

#endif
