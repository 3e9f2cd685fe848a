-- When a message of the owner came so far with a recipient, each step by itself.

alter table receipts add column delivered_at bigint;
alter table receipts add column read_at bigint;
alter table receipts add column played_at bigint;
update receipts set delivered_at = at where state = 'delivered';
update receipts set read_at = at where state = 'read';
update receipts set played_at = at where state = 'played';
