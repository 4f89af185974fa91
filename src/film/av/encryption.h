/* encryption: signs of encryption that FFmpeg ignores, found in a file's own structure. The search is bounded, so
 * that a hostile file cannot make it take long. */
#ifndef JACQUARD_FILM_AV_ENCRYPTION_H
#define JACQUARD_FILM_AV_ENCRYPTION_H

#include <stdbool.h>

/* ISO/IEC 14496-12: true where a sample entry of the track is of the kind that stands for an encrypted one (encv,
 * FairPlay's drmi), also where others, of a clear beginning, stand beside it. track 0: any video track. False for other
 * files. */
bool encryption_in_mp4(const char *path, int track);

/* ISO/IEC 13818-1: true where most packets of the PID near the file's beginning say that their payload is scrambled. */
bool encryption_in_ts(const char *path, int pid);

/* SMPTE ST 429-6 (digital cinema): true where the headers have a cryptographic context or the first essence is an
 * encrypted triplet. */
bool encryption_in_mxf(const char *path);

#endif
