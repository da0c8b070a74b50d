//! The ring contract, run on every ring: what `trait Ring` promises, asked of the kernel and of the simulation alike.
//!
//! A case is a function over a [`World`]: a ring with one listener, one root and one sink, and the other side of each.
//! Where Linux leaves something open, a case accepts all of it; where it does not, both rings have to give the same.

#[path = "ring_contract/discarding.rs"]
mod discarding;
#[path = "ring_contract/files.rs"]
mod files;
#[path = "ring_contract/kernel.rs"]
mod kernel;
#[path = "ring_contract/memory.rs"]
mod memory;
#[path = "ring_contract/posting.rs"]
mod posting;
#[path = "ring_contract/programs.rs"]
mod programs;
#[path = "ring_contract/queues.rs"]
mod queues;
#[path = "ring_contract/receiving.rs"]
mod receiving;
#[path = "ring_contract/rig.rs"]
mod rig;
#[path = "ring_contract/sending.rs"]
mod sending;
#[path = "ring_contract/sim_world.rs"]
mod sim_world;
#[path = "ring_contract/sockets.rs"]
mod sockets;
#[path = "ring_contract/tasks.rs"]
mod tasks;
#[path = "ring_contract/unix.rs"]
mod unix;
#[path = "ring_contract/uring_world.rs"]
mod uring_world;
#[path = "ring_contract/world.rs"]
mod world;

/// Makes a test of each case for each ring.
macro_rules! on_every_ring {
    ($($module:ident :: $case:ident,)*) => {
        mod sim {
            $(#[test] fn $case() { crate::$module::$case::<crate::sim_world::SimWorld>(); })*
        }
        mod uring {
            $(#[test] fn $case() { crate::$module::$case::<crate::uring_world::UringWorld>(); })*
        }
    };
}

on_every_ring! {
    files::a_path_opens_what_stands_there,
    files::a_path_never_leaves_its_root,
    files::what_is_no_file_opens_at_once,
    files::reading_ends_at_the_end_of_the_file,
    files::a_file_that_shrinks_reads_shorter,
    files::a_directory_lists_what_it_holds,
    files::a_root_moves_when_it_is_refreshed,
    files::a_sink_takes_writes_in_order,
    files::a_sink_takes_its_own_buffers_whole,
    memory::pools_end_and_recover,
    memory::blobs_are_bounded_and_counted,
    memory::a_transfer_buffer_keeps_what_is_written,
    queues::every_submission_ends_once,
    queues::more_opens_than_places_wait_their_turn,
    queues::a_batch_is_bounded,
    queues::wakes_before_the_completion_are_one,
    queues::a_wake_comes_from_another_thread,
    queues::time_never_goes_back,
    queues::a_deadline_is_waited_for,
    queues::a_deadline_in_the_past_does_not_wait,
    queues::a_ring_may_be_dropped_with_operations_in_flight,
    receiving::bytes_arrive_whole_and_in_order,
    receiving::a_single_receive_takes_one_buffer,
    receiving::zero_bytes_are_a_half_close,
    receiving::a_receive_without_buffers_leaves_the_socket_healthy,
    receiving::a_multishot_can_be_armed_again,
    receiving::a_lease_and_a_slot_are_borrowed_together,
    sending::a_send_goes_on_where_it_stopped,
    sending::parts_leave_in_their_order,
    sending::a_list_of_parts_is_bounded,
    sending::a_rewound_slot_is_sent_again,
    sending::a_released_blob_is_still_sent,
    sending::a_stream_does_not_wait,
    sending::a_half_closed_peer_is_waited_for,
    sending::a_send_without_room_is_cancelled_at_any_time,
    sockets::an_accept_stays_armed,
    sockets::a_cancelled_operation_ends,
    sockets::a_cancel_finds_only_its_target,
    sockets::a_shut_down_socket_still_receives,
    sockets::closing_after_reading_all_is_a_clean_end,
    sockets::closing_with_unread_input_is_a_reset,
    sockets::a_reset_that_was_asked_for_is_no_end,
    sockets::a_reset_breaks_receives_and_sends,
    sockets::a_reset_does_not_take_back_what_arrived,
    sockets::sending_to_a_closed_peer_breaks_the_next_send,
    sockets::a_busy_socket_is_closed_like_any_other,
    sockets::connecting_reaches_a_listener,
    sockets::connecting_to_nobody_is_refused,
    sockets::a_drained_listener_gives_up_its_queue,
    tasks::a_task_runs_beside_the_ring,
    tasks::what_a_task_did_is_seen_behind_its_end,
    tasks::a_panic_ends_its_task_only,
    tasks::a_cancelled_task_ends_once,
    tasks::a_task_reads_a_file_that_the_ring_closed,
    discarding::a_discard_takes_no_more_than_its_length,
    discarding::a_discard_waits_for_bytes,
    discarding::a_discard_sees_the_end,
    discarding::a_reset_breaks_a_discard,
    posting::a_post_leaves_whole_and_silently,
    posting::a_post_waits_for_room,
    posting::a_post_that_fails_says_so,
    posting::a_post_is_cancelled_or_has_left,
    programs::a_program_speaks_and_ends,
    programs::a_program_gets_its_arguments_and_environment_alone,
    programs::bytes_pass_through_pipes_in_order,
    programs::a_write_waits_for_room_and_breaks_with_its_reader,
    programs::a_read_waits_for_bytes,
    programs::a_killed_group_lets_the_pipes_go,
    programs::waiting_for_a_program_can_be_cancelled,
    programs::what_is_not_there_is_not_started,
    programs::a_program_is_forgotten_while_it_runs,
    programs::a_spool_keeps_what_is_stored,
    unix::a_unix_path_is_connected_to,
    unix::a_unix_path_without_a_listener_refuses,
    unix::a_unix_listener_accepts,
    unix::a_connection_comes_from_the_address_that_was_named,
}

/// A lost handle is loud where it can be: in debug builds.
#[cfg(debug_assertions)]
mod lost {
    use crate::memory;
    use crate::sim_world::SimWorld;
    use crate::uring_world::UringWorld;

    #[test]
    #[should_panic(expected = "a lease was dropped")]
    fn a_lease_of_the_simulation() {
        memory::lose_a_lease::<SimWorld>();
    }

    #[test]
    #[should_panic(expected = "a lease was dropped")]
    fn a_lease_of_the_kernel() {
        memory::lose_a_lease::<UringWorld>();
    }

    #[test]
    #[should_panic(expected = "a send slot was dropped")]
    fn a_slot_of_the_simulation() {
        memory::lose_a_slot::<SimWorld>();
    }

    #[test]
    #[should_panic(expected = "a send slot was dropped")]
    fn a_slot_of_the_kernel() {
        memory::lose_a_slot::<UringWorld>();
    }

    #[test]
    #[should_panic(expected = "a transfer buffer was dropped")]
    fn a_transfer_of_the_simulation() {
        memory::lose_a_transfer::<SimWorld>();
    }

    #[test]
    #[should_panic(expected = "a transfer buffer was dropped")]
    fn a_transfer_of_the_kernel() {
        memory::lose_a_transfer::<UringWorld>();
    }
}
