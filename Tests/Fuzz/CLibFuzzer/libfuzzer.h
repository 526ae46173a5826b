#include <stddef.h>
#include <stdint.h>

/* Part of the compiler's libclang_rt.fuzzer, which installs no header. */
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*input)(const uint8_t *bytes, size_t count));
