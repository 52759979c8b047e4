/* The text of Deribit's private/buy, private/sell and private/cancel requests (protocol sheet, section 4), in place.
 *
 * To the byte what the codec in venues/deribit makes of the same order:
 * {"jsonrpc":"2.0","id":7,"method":"private/buy","params":{"instrument_name":"ETH-25JUN27-6000-C","amount":1.5,
 * "type":"limit","price":0.0215,"label":"mm.3.17","time_in_force":"good_til_cancelled","post_only":true,
 * "reduce_only":false,"mmp":true,"valid_until":1761003600000,"reject_post_only":true}}
 */
#ifndef ATOMIZER_DERIBIT_MESSAGE_H
#define ATOMIZER_DERIBIT_MESSAGE_H

#include "order_fields.h"

enum { NANOS_PER_MS = 1000000 };

static inline char *deribit_put_bool(char *at, int value) {
    return value ? TEXT_PUT(at, "true") : TEXT_PUT(at, "false");
}

static inline char *deribit_put_head(char *at, uint64_t request_id) {
    return text_put_u64(TEXT_PUT(at, "{\"jsonrpc\":\"2.0\",\"id\":"), request_id);
}

/* Size of the message. `message` has room for ORDER_MESSAGE_SIZE. `valid_ms`: for how long the venue may take it. */
static inline int deribit_message_put(
    char *message, const order_fields *order, const order_text *instrument, const order_owner *owner, uint64_t valid_ms
) {
    char *at = deribit_put_head(message, order->request_id);
    at = order->is_bid ? TEXT_PUT(at, ",\"method\":\"private/buy\",\"params\":{\"instrument_name\":\"")
                       : TEXT_PUT(at, ",\"method\":\"private/sell\",\"params\":{\"instrument_name\":\"");
    at = order_put_text(at, instrument);
    at = TEXT_PUT(at, "\",\"amount\":");
    at = text_put_nanos(at, (uint64_t)order->amount_nanos);
    at = TEXT_PUT(at, ",\"type\":\"limit\",\"price\":");
    at = text_put_nanos(at, (uint64_t)order->price_nanos);
    at = TEXT_PUT(at, ",\"label\":\"");
    at = order_put_text(at, &owner->label);
    at = text_put_u64(at, order->label_number);
    at = order->life == ORDER_IOC ? TEXT_PUT(at, "\",\"time_in_force\":\"immediate_or_cancel\",\"post_only\":")
                                  : TEXT_PUT(at, "\",\"time_in_force\":\"good_til_cancelled\",\"post_only\":");
    at = deribit_put_bool(at, order->life == ORDER_POST_ONLY);
    at = TEXT_PUT(at, ",\"reduce_only\":");
    at = deribit_put_bool(at, order->reduce_only);
    at = TEXT_PUT(at, ",\"mmp\":");
    at = deribit_put_bool(at, owner->is_protected);
    at = TEXT_PUT(at, ",\"valid_until\":");
    at = text_put_u64(at, (uint64_t)order->now_ns / NANOS_PER_MS + valid_ms);
    if (order->life == ORDER_POST_ONLY) at = TEXT_PUT(at, ",\"reject_post_only\":true");
    return (int)(TEXT_PUT(at, "}}") - message);
}

static inline int deribit_cancel_put(char *message, uint64_t request_id, const order_text *order_id) {
    char *at = deribit_put_head(message, request_id);
    at = TEXT_PUT(at, ",\"method\":\"private/cancel\",\"params\":{\"order_id\":\"");
    at = order_put_text(at, order_id);
    return (int)(TEXT_PUT(at, "\"}}") - message);
}

#endif
