/* SPDX-License-Identifier: ISC */
/* What others may see of a running dinit: one segment of shared memory (shmget(2)) that dinit
 * writes and never reads, and that every process of the container may attach, read-only. It is
 * marked for removal as soon as it is made, so it lives as long as dinit, and needs no file, no
 * descriptor and no privilege. It holds no environment, no arguments and no lines of the log.
 *
 * The layout is what a reader, perhaps of another version of dinit, has to know: a header, then
 * header.entry_size bytes for each service, then as many for each place for an adopted process,
 * then the texts. A reader takes all sizes from the header. Fields are only ever added at the end
 * of a struct; any other change changes BOARD_VERSION. */
#ifndef DINIT_BOARD_H
#define DINIT_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* With the terminating NUL it fills the field. */
#define BOARD_MAGIC "dinit-b"
#define BOARD_VERSION 1

/* Room for texts, with the terminating NUL. */
#define BOARD_REASON_SIZE 256
#define BOARD_CAUSE_SIZE 1024
/* Room for the label of an adopted process, "program/PID". */
#define BOARD_ADOPTED_NAME_SIZE 272
/* So many adopted processes are shown; more are only counted. */
#define BOARD_ADOPTED_MAX 64

/* What a service is doing. An adopted process is always BOARD_READY. */
enum board_state {
	/* It is to be started; or it runs, has a check or a notification, and was never ready. */
	BOARD_STARTING,
	/* It is ready; or it runs, and has neither. */
	BOARD_READY,
	/* It was ready, and its last check failed. */
	BOARD_UNREADY,
	/* It was told to stop, and runs. */
	BOARD_STOPPING,
	/* Its run has ended, and its finish runs. */
	BOARD_FINISHING,
	/* It has disabled itself (exit status 115). */
	BOARD_DISABLED,
	/* It has ended in another way, or could not be started. */
	BOARD_ENDED,
	/* It is not to be started: it has a file named down, or is named in DINIT_SKIP. */
	BOARD_DOWN,
	BOARD_SKIPPED,
	BOARD_STATES,
};

/* What dinit as a whole is doing. */
enum board_whole {
	/* Until all services are ready for the first time. */
	BOARD_WHOLE_STARTING,
	BOARD_WHOLE_RUNNING,
	/* The teardown has begun, and the services run on. */
	BOARD_WHOLE_DELAYING,
	BOARD_WHOLE_STOPPING,
	/* It has ended. */
	BOARD_WHOLE_GONE,
	BOARD_WHOLES,
};

enum board_flag {
	/* It has a check. */
	BOARD_FLAG_CHECK = 1 << 0,
	/* It has a notification-fd. */
	BOARD_FLAG_NOTIFY = 1 << 1,
	/* The container goes on without it. */
	BOARD_FLAG_OPTIONAL = 1 << 2,
	/* It is the command that dinit was given, not a service of the directory. */
	BOARD_FLAG_COMMAND = 1 << 3,
	/* It has disabled itself, or is optional and has ended: nobody waits for it. */
	BOARD_FLAG_DONE = 1 << 4,
	/* An adopted process is in this place. */
	BOARD_FLAG_USED = 1 << 5,
	/* Its check has failed so often in a row that the container ends for it. */
	BOARD_FLAG_FAILED = 1 << 6,
};

/* A moment: in milliseconds of CLOCK_MONOTONIC, which never jumps, and of CLOCK_REALTIME, which
 * people know. Both are 0 for a moment that has not come. */
struct board_time {
	uint64_t monotonic_ms, realtime_ms;
};

/* Counts of a stream that only grow; changed with every read, outside the sequence. */
struct board_stream {
	uint64_t lines, bytes;
};

struct board_entry {
	/* Where its name begins, in bytes from the beginning of the page, and its length without
	 * NUL. */
	uint32_t name_at, name_len;
	/* Where its reason begins, and its length without NUL. 0: there is none, and the text is
	 * not to be looked at. The reason is what the last check said, or how it ended. */
	uint32_t reason_at, reason_len;
	/* enum board_state, and enum board_flag. */
	uint32_t state, flags;
	/* Of run, its logging program and its finish, while they run; else 0. */
	int32_t pid, log_pid, finish_pid;
	/* How run ended, as a shell counts it (128 + N for signal N); -1: it has not. */
	int32_t exit_status;
	/* Failed checks: in a row, and in all. */
	uint32_t check_failures, check_failures_total;
	/* Since when it has been in its state, when run was started, and its logging program. */
	struct board_time since, started, log_started;
	/* What was read of its stdout and stderr. */
	struct board_stream streams[2];
};

/* Counts of dinit's own stdout or stderr. */
struct board_output {
	/* Written, and thrown away because nobody took them. */
	uint64_t bytes, dropped_bytes;
	/* How long it could not be written to, in all. */
	uint64_t stalled_ms;
};

/* What was done to orphans since the start. */
struct board_orphans {
	uint64_t terminated, adopted, killed;
	/* They had ended before a look found them. */
	uint64_t zombies;
};

/* Counts that change outside the sequence. */
struct board_counts {
	struct board_output outputs[2];
	struct board_orphans orphans;
	/* Adopted processes that run and have no place. */
	uint64_t adopted_unlisted;
};

struct board_header {
	char magic[8];
	uint32_t version;
	/* All in bytes; the entries follow the header. */
	uint32_t size, header_size, entry_size;
	/* How many entries: first those of the services, by name, and of the command, then the
	 * places for adopted processes. */
	uint32_t services, adopted;
	/* dinit's PID in its own PID namespace, and the file of its mount namespace
	 * (/proc/PID/ns/mnt, as of stat(2)); 0 where that is unknown. */
	int32_t pid;
	/* Odd while something is being changed; grows with each change. It is a futex(2), which is
	 * woken after each change. */
	uint32_t sequence;
	uint64_t namespace_device, namespace_inode;
	/* enum board_whole. */
	uint32_t state;
	/* Whether all services that count are ready, and no teardown has begun. */
	uint32_t ready;
	/* When dinit was started, and since when it has been in its state. */
	struct board_time started, since;
	char dinit_version[32];
	/* Why the teardown has begun; "" where it has not. */
	char cause[BOARD_CAUSE_SIZE];
	struct board_counts counts;
	/* Which directory's services they are (stat(2)); 0 where that is unknown. */
	uint64_t dir_device, dir_inode;
};

struct board {
	/* The page, which is only written to; NULL where there is no such memory. */
	struct board_header *header;
	/* What is written to instead where there is no page, or no such place in it. */
	struct board_header no_header;
	struct board_entry no_entry;
	/* Our own copies: what is in the page may have been written by others. */
	size_t services, names_at, names_end, adopted_names_at, reasons_at;
	uint32_t sequence;
	/* Something has changed since the last wake. */
	bool changed;
};

/* Makes the page, with `services` entries, and room for names_size bytes of their names, each with
 * its NUL. Returns 0, or -1 with errno: there is no page then, and all that is written is lost
 * (board_close is harmless). */
int board_open(struct board *board, size_t services, size_t names_size);

/* Shows which directory's services they are. */
void board_show_directory(struct board *board, const char *dir);

/* Marks the page as one that readers may take, when its services are shown. */
void board_publish(struct board *board);

/* Marks the page as that of a dinit that has ended, wakes who waits, and detaches the page. */
void board_close(struct board *board);

/* Begin a change of the header, or of the entry of a service (place < services) or of an adopted
 * process (services + 0 to BOARD_ADOPTED_MAX - 1). What they return is only to be written to, until
 * board_end. Changes do not nest. */
struct board_header *board_begin(struct board *board);
struct board_entry *board_begin_entry(struct board *board, size_t place);

/* Ends the change. */
void board_end(struct board *board);

/* Writes the name of an entry (all services before the first adopted one, each once), or its reason
 * ("": there is none), as far as it fits; within a change of that entry. The text is to be
 * printable. */
void board_write_name(struct board *board, size_t place, const char *name);
void board_write_reason(struct board *board, size_t place, const char *reason);

/* Return where counts are written to at any time, by plain stores. They stay where they are until
 * board_close. */
struct board_stream *board_find_streams(struct board *board, size_t place);
struct board_counts *board_find_counts(struct board *board);

/* Returns the present moment. */
struct board_time board_now(void);

/* Wakes who waits for a change, if there was one since the last call: once a turn. */
void board_wake(struct board *board);

#endif
