// What the copy of a message costs: nanoseconds, medians. Of each kind
//   X_ns        measure and copy into memory that is there already
//   X_pack_ns   protobuf-c's pack into a buffer, and unpack with malloc
// for   add     two integers: copied as they are
//       sample  numbers with a double and a bool, which are looked at
//       text    one string of 32 bytes
//       order   strings, an array, three submessages with a string each
// and   order_in_place_ns   the order, checked where it is
#include "mailbox/clone.h"

#include "base/assert.h"
#include "bench/support/measure.h"
#include "clone_bench.pb-c.h"

#define ROUNDS        UINT64_C(200000)
#define TEXT(literal) ((char *)(uintptr_t)(literal))

TROUPE_PROTO(CloneBench__Add, clone_bench__add);
TROUPE_PROTO(CloneBench__Sample, clone_bench__sample);
TROUPE_PROTO(CloneBench__Text, clone_bench__text);
TROUPE_PROTO(CloneBench__Order, clone_bench__order);

struct bench {
    const struct trp_type *type;
    void *message;
    _Alignas(64) char body[256];
    _Alignas(64) char extra[4096];
    uint8_t packed[4096];
};

static double copy(void *user)
{
    struct bench *bench = user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        size_t extra;
        struct trp_clone_error error;
        troupe_status status = trp_clone_measure(bench->type, bench->message, &extra, &error);
        TRP_ASSERT(status == TROUPE_OK && extra <= sizeof bench->extra);
        trp_clone_copy(bench->type, bench->message, bench->body, bench->extra);
    }
    return trp_measure_per(start, ROUNDS);
}

static double pack_and_unpack(void *user)
{
    struct bench *bench = user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        size_t size = protobuf_c_message_pack(bench->message, bench->packed);
        ProtobufCMessage *message =
            protobuf_c_message_unpack(bench->type->descriptor, NULL, size, bench->packed);
        protobuf_c_message_free_unpacked(message, NULL);
    }
    return trp_measure_per(start, ROUNDS);
}

static double in_place(void *user)
{
    struct bench *bench = user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct trp_clone_error error;
        troupe_status status = trp_clone_check_in_place(bench->type, bench->message, &error);
        TRP_ASSERT(status == TROUPE_OK);
    }
    return trp_measure_per(start, ROUNDS);
}

static void fill(struct bench *bench, troupe_type *type, void *message)
{
    bench->type = trp_type_intern(type);
    TRP_ASSERT(bench->type && bench->type->size <= sizeof bench->body);
    bench->message = message;
}

int main(void)
{
    static struct bench bench;

    CloneBench__Add add;
    clone_bench__add__init(&add);
    add.amount = 5;
    add.from = 7;
    fill(&bench, TROUPE_TYPE(CloneBench__Add), &add);
    trp_measure("add_ns", copy, &bench);
    trp_measure("add_pack_ns", pack_and_unpack, &bench);

    CloneBench__Sample sample;
    clone_bench__sample__init(&sample);
    sample.at = 1234567;
    sample.value = 21.5;
    sample.valid = 1;
    sample.sensor = 12;
    fill(&bench, TROUPE_TYPE(CloneBench__Sample), &sample);
    trp_measure("sample_ns", copy, &bench);
    trp_measure("sample_pack_ns", pack_and_unpack, &bench);

    CloneBench__Text text;
    clone_bench__text__init(&text);
    text.text = TEXT("thirty-two bytes are enough, ok?");
    fill(&bench, TROUPE_TYPE(CloneBench__Text), &text);
    trp_measure("text_ns", copy, &bench);
    trp_measure("text_pack_ns", pack_and_unpack, &bench);

    CloneBench__Line lines[3];
    CloneBench__Line *line_pointers[3];
    for (int i = 0; i < 3; i++) {
        clone_bench__line__init(&lines[i]);
        lines[i].article = TEXT("wood screws, 4 x 40 mm");
        lines[i].count = 100 + i;
        lines[i].price = 4.25;
        line_pointers[i] = &lines[i];
    }
    int64_t coupons[] = {100200300, 400500600, 700800900, 1};
    CloneBench__Order order;
    clone_bench__order__init(&order);
    order.customer = TEXT("Ada Lovelace");
    order.city = TEXT("London");
    order.number = 815;
    order.n_lines = 3;
    order.lines = line_pointers;
    order.n_coupons = 4;
    order.coupons = coupons;
    fill(&bench, TROUPE_TYPE(CloneBench__Order), &order);
    trp_measure("order_ns", copy, &bench);
    trp_measure("order_pack_ns", pack_and_unpack, &bench);
    trp_measure("order_in_place_ns", in_place, &bench);
    return 0;
}
