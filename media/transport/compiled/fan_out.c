/* The compiled twin of media/transport/send_ring.py: lays a burst out for each viewer, encrypts it in place, sends.
 *
 * libsrtp is not linked: its functions come as pointers from pylibsrtp, whose contexts these are. A context is used
 * by one thread at a time, because this code runs between two turns of the event loop.
 *
 * Viewers are served one after the other, each with all packets of the burst, so that its context stays in the cache.
 * With segment offload (UDP_SEGMENT) the kernel cuts a message into datagrams: its packets are equally long but for the
 * last one, which may be shorter.
 */

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    SLOTS = 128,       /* datagrams of one batch: their bytes stay in a second-level cache */
    STRIDE = 1536,     /* bytes of one datagram at most, with libsrtp's tag */
    SEGMENT_OPTION = 103 /* UDP_SEGMENT of linux/udp.h */
};

typedef struct {
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
} __attribute__((aligned(8))) control_t;

struct tally_sender {
    int fd;
    int name_size;
    int offload;
    tally_protect protect;
    tally_protect protect_rtcp;
    int at, stop; /* messages that the socket has not taken yet */
    int segments[SLOTS];
    struct iovec iovecs[SLOTS];
    struct mmsghdr messages[SLOTS];
    control_t controls[SLOTS];
    uint8_t memory[SLOTS * STRIDE];
};

tally_sender *tally_sender_new(int fd, int name_size, tally_protect protect, tally_protect protect_rtcp, int offload)
{
    tally_sender *sender = calloc(1, sizeof *sender);
    if (!sender)
        return NULL;
    sender->fd = fd;
    sender->name_size = name_size;
    sender->protect = protect;
    sender->protect_rtcp = protect_rtcp;
    sender->offload = offload;
    return sender;
}

void tally_sender_free(tally_sender *sender)
{
    free(sender);
}

int tally_sender_offloads(const tally_sender *sender)
{
    return sender->offload;
}

static uint16_t read16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void write16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* One packet for one viewer, in clear; answers its size. */
static int lay(uint8_t *to, const tally_burst *burst, int index, const tally_audience *audience, int viewer)
{
    int size = burst->sizes[index];
    memcpy(to, burst->packets[index], (size_t)size);
    if (audience->shifted && !burst->is_rtcp) {
        int picture = burst->picture_at[index], base_layer = burst->base_layer_at[index];
        write16(to + 2, (uint16_t)(read16(to + 2) - audience->numbers[viewer]));
        if (picture)
            write16(to + picture, (uint16_t)(read16(to + picture) - audience->pictures[viewer]) | 0x8000);
        if (base_layer)
            to[base_layer] = (uint8_t)(to[base_layer] - audience->base_layers[viewer]);
    }
    return size;
}

static void address(tally_sender *sender, int message, const tally_audience *audience, int viewer, int segments, int segment)
{
    struct msghdr *header = &sender->messages[message].msg_hdr;
    header->msg_name = (void *)audience->names[viewer];
    header->msg_namelen = (socklen_t)sender->name_size;
    header->msg_iov = &sender->iovecs[message];
    header->msg_iovlen = 1;
    header->msg_control = NULL;
    header->msg_controllen = 0;
    sender->segments[message] = segments;
    if (segments > 1) {
        header->msg_control = sender->controls[message].bytes;
        header->msg_controllen = sizeof sender->controls[message].bytes;
        struct cmsghdr *control = CMSG_FIRSTHDR(header);
        control->cmsg_level = IPPROTO_UDP;
        control->cmsg_type = SEGMENT_OPTION;
        control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        uint16_t size = (uint16_t)segment;
        memcpy(CMSG_DATA(control), &size, sizeof size);
    }
}

/* A message whose segments the system did not cut for us: each alone. Answers how many were sent. */
static int send_segments(tally_sender *sender, struct msghdr *header, int segments, tally_result *result)
{
    int sent = 0;
    uint16_t size;
    memcpy(&size, CMSG_DATA(CMSG_FIRSTHDR(header)), sizeof size);
    uint8_t *at = header->msg_iov->iov_base;
    size_t left = header->msg_iov->iov_len;
    for (; segments--; at += size, left -= size < left ? size : left) {
        size_t length = size < left ? size : left;
        if (sendto(sender->fd, at, length, MSG_DONTWAIT, header->msg_name, header->msg_namelen) < 0) {
            result->send_failed++;
        } else {
            sent++;
            result->sent++;
            result->octets += (long long)length;
        }
    }
    return sent;
}

/* Sends messages, passing over those the system refuses; remembers the rest when the socket is full. */
static void transmit(tally_sender *sender, int at, int stop, tally_result *result)
{
    while (at < stop) {
        int sent = sendmmsg(sender->fd, sender->messages + at, (unsigned)(stop - at), MSG_DONTWAIT);
        if (sent > 0) {
            for (int index = at; index < at + sent; index++) {
                result->sent += sender->segments[index];
                result->octets += (long long)sender->iovecs[index].iov_len;
            }
            at += sent;
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
            result->blocked = 1;
            break;
        }
        if (errno == EINTR)
            continue;
        if (sender->segments[at] > 1) {
            int narrow = errno == EMSGSIZE; /* the way to this one address; older kernels say EINVAL to everything */
            if (send_segments(sender, &sender->messages[at].msg_hdr, sender->segments[at], result) && !narrow)
                sender->offload = 0; /* it was not the address: this system cannot do it */
        } else {
            result->send_failed++;
        }
        at++;
    }
    sender->at = at;
    sender->stop = stop;
}

int tally_send(tally_sender *sender, const tally_audience *audience, const tally_burst *burst, int start, int most,
               tally_result *result)
{
    tally_protect protect = burst->is_rtcp ? sender->protect_rtcp : sender->protect;
    int viewers = SLOTS / burst->count; /* of one batch */
    int stop = audience->count - start < most ? audience->count : start + most;

    memset(result, 0, sizeof *result);
    while (start < stop && !result->blocked) {
        int used = 0, last = start + viewers < stop ? start + viewers : stop;
        uint8_t *to = sender->memory;
        for (; start < last; start++) {
            for (int message = 0; message < burst->messages; message++) {
                uint8_t *begin = to;
                int segments = 0, segment = 0;
                for (int index = burst->first[message]; index < burst->first[message + 1]; index++) {
                    int length = lay(to, burst, index, audience, start);
                    if (protect((void *)audience->contexts[start], to, &length)) {
                        result->protect_failed++;
                        continue;
                    }
                    if (!segments++)
                        segment = length;
                    to += length;
                }
                if (!segments)
                    continue;
                sender->iovecs[used].iov_base = begin;
                sender->iovecs[used].iov_len = (size_t)(to - begin);
                address(sender, used++, audience, start, segments, segment);
            }
        }
        transmit(sender, 0, used, result);
    }
    return start;
}

void tally_resume(tally_sender *sender, tally_result *result)
{
    memset(result, 0, sizeof *result);
    transmit(sender, sender->at, sender->stop, result);
}
