-- What stands around a message is needed again when other content takes its place. An album has no event of its own: what
-- is done to it is done to its pictures, which name it.
alter table messages add column frame text;
alter table messages add column album text;
create index messages_in_album on messages (device, chat, album, stored_at) where album is not null;
create index messages_framed on messages (device, reply_to) where frame is not null;
