/*
 * version -- of everything in this repository, said once.
 */

#ifndef PROTO_VERSION_H
#define PROTO_VERSION_H

#define CUSTOMERD_VERSION "0.1.0"
#define CUSTOMERD_PROTO 1 /* of the protocol; hello announces both */

#endif
