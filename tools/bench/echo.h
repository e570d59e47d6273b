/* echo -- what the server of the floor is asked and answers. */

#ifndef BENCH_ECHO_H
#define BENCH_ECHO_H

#define ECHO_ASK_BYTES 60u
#define ECHO_ANSWER_BYTES 700u

#endif
