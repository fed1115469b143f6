// The part of YAML that tag files are written in, read fast. Only codec/yaml_stream.c uses it: it
// knows what to do when this gives up.
#ifndef DP_CODEC_YAML_FAST_H
#define DP_CODEC_YAML_FAST_H

#include "codec/yaml_stream.h"

typedef struct dp_yaml_fast dp_yaml_fast;
dp_yaml_fast *dp_yaml_fast_new(const dp_yaml_source *source); // NULL: out of memory
void dp_yaml_fast_free(dp_yaml_fast *f);                      // NULL is fine

// The next event, or *ret_gave_up with DP_OK: something that is not known for sure comes next, and
// nothing else may be asked of it. A fault is the source's.
DP_MUST dp_code dp_yaml_fast_next(dp_yaml_fast *f, dp_yaml_event *ret_event, bool *ret_gave_up,
                                  dp_fault *fault);
#endif
