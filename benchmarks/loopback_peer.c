/* The ends of the loopback benchmark that are not ours, in C, on sockets that are spun on.
 *
 *     loopback_peer venue PORT TICKS      ticks over WebSocket; prints how long each answer took, then the last answer
 *     loopback_peer echo PORT             answers each tick with itself: what the sockets alone cost
 *     loopback_peer trader PORT NONCES    answers each tick with a signed order: the all-C path
 *
 * Both traders take the plainest way there is: they know the shape of what comes, and check nothing. The constant parts
 * of an order are in loopback_order.h, which the benchmark writes; NONCES holds records of 97 bytes: 1/k, r*d/k, r and
 * the parity of y. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "keccak_f1600.h"
#include "loopback_order.h"
#include "plain_scanner.h"
#include "scalar.h"
#include "text.h"

enum {
    WARM_UP = 2000,
    SETTLE_US = 500000, /* for the trader to find its socket open */
    PAUSE_NS = 300000, /* so that the order rate of a trader's gate is never reached */
    LEVELS = 20,
    BUFFER = 1 << 16,
    NONCE_RECORD = 97,
    WORD = 32,
    FIRST_V = 27
};

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* --- bytes and WebSocket frames */

struct wire {
    int socket;
    size_t held;
    uint8_t bytes[BUFFER];
};

static void send_all(int socket, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size) {
        ssize_t sent = send(socket, at, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            fail("send");
        if (sent > 0)
            at += sent, size -= (size_t)sent;
    }
}

/* Spins until more has come; 0 at the end of the stream. */
static int receive(struct wire *wire)
{
    for (;;) {
        ssize_t got = recv(wire->socket, wire->bytes + wire->held, BUFFER - wire->held, MSG_DONTWAIT);
        if (got > 0)
            wire->held += (size_t)got;
        if (got >= 0)
            return got > 0;
        if (errno == ECONNRESET)
            return 0;
        if (errno != EAGAIN)
            fail("recv");
    }
}

static void drop(struct wire *wire, size_t size)
{
    memmove(wire->bytes, wire->bytes + size, wire->held - size);
    wire->held -= size;
}

/* Waits for one frame and unmasks it in place: its payload, and how much the whole frame takes; NULL at the end. */
static uint8_t *take_frame(struct wire *wire, size_t *size, size_t *whole)
{
    for (;;) {
        if (wire->held >= 8) {
            const uint8_t *bytes = wire->bytes;
            const int masked = bytes[1] >> 7, is_long = (bytes[1] & 127) == 126;
            const size_t head = 2 + 2 * (size_t)is_long + 4 * (size_t)masked;
            *size = is_long ? (size_t)bytes[2] << 8 | bytes[3] : bytes[1] & 127u;
            *whole = head + *size;
            if ((bytes[0] & 15) == 8)
                return NULL;
            if (wire->held >= *whole) {
                for (size_t at = 0; masked && at < *size; at++)
                    wire->bytes[head + at] ^= bytes[head - 4 + at % 4];
                return wire->bytes + head;
            }
        }
        if (!receive(wire))
            return NULL;
    }
}

/* Writes the head of a text frame of 126 bytes or more so that it ends at `text`; where it starts. A client's mask is 0,
 * which leaves the text as it is. */
static uint8_t *put_head(uint8_t *text, size_t size, int is_client)
{
    uint8_t *head = text - 4 - 4 * is_client;
    head[0] = 0x81;
    head[1] = (uint8_t)(126 | is_client << 7);
    head[2] = (uint8_t)(size >> 8);
    head[3] = (uint8_t)size;
    memset(head + 4, 0, 4 * (size_t)is_client);
    return head;
}

/* --- handshakes (RFC 6455) */

static uint32_t rotate(uint32_t value, int bits) { return value << bits | value >> (32 - bits); }

/* SHA-1 of a text below 120 bytes. */
static void sha1(const char *text, uint8_t *digest)
{
    uint8_t padded[128] = {0};
    const size_t size = strlen(text), blocks = size < 56 ? 1 : 2;
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    memcpy(padded, text, size);
    padded[size] = 0x80;
    padded[64 * blocks - 2] = (uint8_t)(size >> 5);
    padded[64 * blocks - 1] = (uint8_t)(size << 3);
    for (size_t block = 0; block < blocks; block++) {
        uint32_t w[80], s[5];
        memcpy(s, h, sizeof s);
        for (int i = 0; i < 16; i++) {
            memcpy(&w[i], padded + 64 * block + 4 * i, 4);
            w[i] = ntohl(w[i]);
        }
        for (int i = 16; i < 80; i++) w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        for (int i = 0; i < 80; i++) {
            const uint32_t f = i < 20   ? (s[1] & s[2]) | (~s[1] & s[3])
                               : i < 40 ? s[1] ^ s[2] ^ s[3]
                               : i < 60 ? (s[1] & s[2]) | (s[1] & s[3]) | (s[2] & s[3])
                                        : s[1] ^ s[2] ^ s[3];
            static const uint32_t K[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
            const uint32_t next = rotate(s[0], 5) + f + s[4] + K[i / 20] + w[i];
            s[4] = s[3], s[3] = s[2], s[2] = rotate(s[1], 30), s[1] = s[0], s[0] = next;
        }
        for (int i = 0; i < 5; i++) h[i] += s[i];
    }
    for (int i = 0; i < 20; i++) digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void base64(const uint8_t *data, int size, char *text)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int at = 0; at < size; at += 3) {
        const uint32_t three = (uint32_t)data[at] << 16 | (at + 1 < size ? data[at + 1] << 8 : 0)
                               | (at + 2 < size ? data[at + 2] : 0);
        for (int i = 0; i < 4; i++) *text++ = at + i > size ? '=' : LETTERS[three >> (18 - 6 * i) & 63];
    }
    *text = 0;
}

/* Waits for the end of the other side's headers, and answers where they end. */
static size_t take_headers(struct wire *wire)
{
    uint8_t *end;
    while (!(end = memmem(wire->bytes, wire->held, "\r\n\r\n", 4)))
        if (!receive(wire)) {
            fputs("the other side left in the handshake\n", stderr);
            exit(1);
        }
    return (size_t)(end + 4 - wire->bytes);
}

static void accept_client(struct wire *wire, int port)
{
    const int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1))
        fail("listen");
    fputs("listening\n", stderr);
    wire->socket = accept(listener, NULL, NULL);
    setsockopt(wire->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);

    const size_t size = take_headers(wire);
    char key[128], accepted[64], answer[256];
    uint8_t digest[20];
    const char *found;
    wire->bytes[size - 1] = 0;
    if (!(found = strcasestr((char *)wire->bytes, "sec-websocket-key:")) || sscanf(found + 18, " %40s", key) != 1)
        fail("no key in the handshake");
    strcat(key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    sha1(key, digest);
    base64(digest, 20, accepted);
    drop(wire, size);
    send_all(wire->socket, answer,
             (size_t)snprintf(answer, sizeof answer,
                              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Accept: %s\r\n\r\n",
                              accepted));
}

static void join_venue(struct wire *wire, int port)
{
    static const char HELLO[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Key: bG9vcGJhY2sgYmVuY2gxNg==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    const int one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    wire->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(wire->socket, (struct sockaddr *)&address, sizeof address))
        fail("connect");
    setsockopt(wire->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    send_all(wire->socket, HELLO, sizeof HELLO - 1);
    drop(wire, take_headers(wire));
}

/* --- the venue */

static int put_ladder(char *text, const char *name, double best, double step)
{
    int size = sprintf(text, "\"%s\":[", name);
    for (int level = 0; level < LEVELS; level++)
        size += sprintf(text + size, "%s[\"new\",%.1f,%d.0]", level ? "," : "", best + level * step, 4 + level);
    return size + sprintf(text + size, "]");
}

/* Tick 0 is a snapshot; each other one puts a best bid in or takes it out, and changes two levels further away. */
static size_t put_tick(char *text, int number)
{
    static const char HEAD[] = "{\"jsonrpc\":\"2.0\",\"method\":\"subscription\",\"params\":{\"channel\":\"" CHANNEL
                               "\",\"data\":{\"type\":\"%s\",\"timestamp\":%lld,";
    const long long time_ms = 1761000000000 + number;
    int size = sprintf(text, HEAD, number ? "change" : "snapshot", time_ms);
    if (number)
        size += sprintf(text + size, "\"prev_change_id\":%d,", number);
    size += sprintf(text + size, "\"instrument_name\":\"" INSTRUMENT "\",\"change_id\":%d,", number + 1);
    if (number == 0) {
        size += put_ladder(text + size, "bids", 100.5, -1);
        text[size++] = ',';
        size += put_ladder(text + size, "asks", 107.5, 1);
    } else {
        size += sprintf(text + size, "\"bids\":[[\"%s,%s],[\"change\",94.5,%d.0]],\"asks\":[[\"change\",111.5,%d.5]]",
                        number % 2 ? "new\",102.5" : "delete\",102.5", number % 2 ? "7.0" : "0.0", 3 + number % 50,
                        2 + number % 40);
    }
    return (size_t)(size + sprintf(text + size, "}}}"));
}

static void be_venue(int port, int ticks)
{
    static struct wire wire;
    static uint8_t frame[BUFFER];
    const int warm_up = WARM_UP - ticks % 2; /* the last tick puts a best bid in */
    const int total = warm_up + ticks;
    int64_t *times = calloc((size_t)total, sizeof *times);
    size_t size = 0, whole;
    accept_client(&wire, port);
    usleep(SETTLE_US);
    for (int number = 0; number < total; number++) {
        size = put_tick((char *)frame + 8, number);
        const uint8_t *head = put_head(frame + 8, size, 0);
        const int64_t due = now_ns() + PAUSE_NS;
        while (now_ns() < due)
            ;
        const int64_t started = now_ns();
        send_all(wire.socket, head, (size_t)(frame + 8 + size - head));
        const uint8_t *answer = take_frame(&wire, &size, &whole);
        times[number] = now_ns() - started;
        if (!answer) {
            fprintf(stderr, "the trader left at tick %d\n", number);
            exit(1);
        }
        if (number + 1 < total)
            drop(&wire, whole);
        else
            memmove(frame, answer, size);
    }
    for (int number = warm_up; number < total; number++) printf("%lld\n", (long long)times[number]);
    printf("%.*s\n", (int)size, (char *)frame);
    close(wire.socket);
}

/* --- its clients */

static void be_echo(int port)
{
    static struct wire wire;
    static uint8_t answer[BUFFER];
    size_t size, whole;
    join_venue(&wire, port);
    for (const uint8_t *tick; (tick = take_frame(&wire, &size, &whole)); drop(&wire, whole)) {
        memcpy(answer + 8, tick, size);
        const uint8_t *head = put_head(answer + 8, size, 1);
        send_all(wire.socket, head, (size_t)(answer + 8 + size - head));
    }
}

struct nonce {
    scalar inverse, share;
    uint8_t r[SCALAR_SIZE];
    int parity;
};

static struct nonce *load_nonces(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t record[NONCE_RECORD];
    struct nonce *nonces = NULL;
    size_t count = 0;
    if (!file)
        fail(path);
    while (fread(record, sizeof record, 1, file) == 1) {
        if (!(nonces = realloc(nonces, (count + 1) * sizeof *nonces)))
            fail("memory");
        scalar_load(&nonces[count].inverse, record);
        scalar_load(&nonces[count].share, record + SCALAR_SIZE);
        memcpy(nonces[count].r, record + 2 * SCALAR_SIZE, SCALAR_SIZE);
        nonces[count++].parity = record[3 * SCALAR_SIZE];
    }
    fclose(file);
    return nonces;
}

static void put_word(uint8_t *word, unsigned __int128 value)
{
    for (int at = WORD - 1; at >= 16; at--, value >>= 8) word[at] = (uint8_t)value;
}

static void sign(const struct nonce *nonce, const uint8_t *digest, uint8_t *signature)
{
    scalar z, s;
    scalar_load(&z, digest);
    scalar_multiply_add(&s, &nonce->inverse, &z, &nonce->share);
    memcpy(signature, nonce->r, SCALAR_SIZE);
    signature[2 * SCALAR_SIZE] = (uint8_t)(FIRST_V + (nonce->parity ^ scalar_make_low(&s)));
    scalar_store(signature + SCALAR_SIZE, &s);
}

static size_t put_order(
    char *text, int64_t price_nanos, uint64_t number, const struct nonce *nonce, void (*hash)(const uint8_t *, size_t, uint8_t *))
{
    static uint8_t order[] = ORDER_WORDS, action[] = ACTION_WORDS, sealed[] = SEALED;
    const uint64_t order_nonce = FIRST_NONCE + number;
    uint8_t digest[WORD], signature[2 * SCALAR_SIZE + 1];
    put_word(order + 2 * WORD, (unsigned __int128)price_nanos * 1000000000);
    put_word(action + 2 * WORD, order_nonce);
    hash(order, sizeof order, action + 4 * WORD);
    hash(action, sizeof action, sealed + 2 + WORD);
    hash(sealed, sizeof sealed, digest);
    sign(nonce, digest, signature);
    char *at = TEXT_PUT(text, PART_ID);
    at = TEXT_PUT(text_put_u64(at, number), PART_PRICE);
    at = TEXT_PUT(text_put_nanos(at, (uint64_t)price_nanos), PART_NONCE);
    at = TEXT_PUT(text_put_u64(at, order_nonce), PART_SIGNATURE);
    at = TEXT_PUT(text_put_hex(at, signature, sizeof signature), PART_END);
    return (size_t)(at - text);
}

/* A snapshot or a change into the book; 1 when it was taken. */
static int take_tick(struct plain_book *book, const char *at, const char *end)
{
    if (memmem(at, (size_t)(end - at), "\"snapshot\"", 10) == NULL)
        return plain_deribit(at, end, book);
    at = plain_changes(PLAIN_AFTER(at, end, "\"bids\":"), book, 0);
    plain_changes(PLAIN_AFTER(at, end, "\"asks\":"), book, 1);
    book->sequence = 1;
    return 1;
}

static void be_trader(int port, const char *nonces_path)
{
    static struct wire wire;
    static struct plain_book book;
    static uint8_t answer[BUFFER];
    const struct nonce *nonce = load_nonces(nonces_path);
    keccak256_instructions hashes[KECCAK_SETS];
    void (*hash)(const uint8_t *, size_t, uint8_t *) = hashes[keccak256_here(hashes) - 1].hash;
    size_t size, whole;
    uint64_t number = 0;
    join_venue(&wire, port);
    for (uint8_t *tick; (tick = take_frame(&wire, &size, &whole)); drop(&wire, whole)) {
        if (!take_tick(&book, (char *)tick, (char *)tick + size))
            fail("a tick does not follow the last one");
        const size_t length = put_order((char *)answer + 8, book.sides[0][0].price, ++number, nonce++, hash);
        const uint8_t *head = put_head(answer + 8, length, 1);
        send_all(wire.socket, head, (size_t)(answer + 8 + length - head));
    }
}

int main(int count, char **words)
{
    const int port = count > 2 ? atoi(words[2]) : 0;
    if (count == 4 && strcmp(words[1], "venue") == 0)
        be_venue(port, atoi(words[3]));
    else if (count == 3 && strcmp(words[1], "echo") == 0)
        be_echo(port);
    else if (count == 4 && strcmp(words[1], "trader") == 0)
        be_trader(port, words[3]);
    else
        return 2;
    return 0;
}
