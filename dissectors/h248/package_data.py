"""Package and item numbers of the binary encoding, as data.

Source: IANA Megaco/H.248 registry; H.248.1 Annex E for the basic packages.

One line a fact. `package NAME NUMBER`; below it `property`, `event`, `signal` or `statistic NAME NUMBER [TYPE]`;
below an event or a signal its parameters, `parameter NAME NUMBER [TYPE]`. TYPE is `int`, `bool`, `str`, `oct`, or
`enum` with its values as `name:number`. Package numbers are registered facts. The items of tcpbcc, tlsbsc,
msrpstat, msi and mf are not published freely: the first two follow the generic bearer package gb (Q.1950), those of
the others are choices of ours, and a caller who knows better gives `PackageTable` other lines.
"""

from __future__ import annotations

PACKAGE_DATA = """
package g 0x0001
event cause 0x0001
parameter Generalcause 0x0001 enum NR:1 UR:2 FT:3 FP:4 IW:5 UN:6
parameter Failurecause 0x0002 str
event sc 0x0002
parameter SigID 0x0001 str
parameter Meth 0x0002 enum TO:1 EV:2 SD:3 NC:4
parameter SLID 0x0003 int
package root 0x0002
property maxNumberOfContexts 0x0001 int
property maxTerminationsPerContext 0x0002 int
property normalMGExecutionTime 0x0003 int
property normalMGCExecutionTime 0x0004 int
property MGProvisionalResponseTimerValue 0x0005 int
property MGCProvisionalResponseTimerValue 0x0006 int
property MGCOriginatedPendingLimit 0x0007 int
property MGOriginatedPendingLimit 0x0008 int
property MGSegmentationTimerValue 0x0009 int
property MGCSegmentationTimerValue 0x000a int
property MGMaxPDUSize 0x000b int
property MGCMaxPDUSize 0x000c int
package tonegen 0x0003
signal pt 0x0001
parameter tl 0x0001
parameter ind 0x0002 int
package tonedet 0x0004
event std 0x0001
parameter tl 0x0001
parameter tid 0x0003
event etd 0x0002
parameter tl 0x0001
parameter dur 0x0002 int
parameter tid 0x0003
event ltd 0x0003
parameter tl 0x0001
parameter dur 0x0002 int
parameter tid 0x0003
package dg 0x0005
signal d0 0x0010
signal d1 0x0011
signal d2 0x0012
signal d3 0x0013
signal d4 0x0014
signal d5 0x0015
signal d6 0x0016
signal d7 0x0017
signal d8 0x0018
signal d9 0x0019
signal da 0x001a
signal db 0x001b
signal dc 0x001c
signal dd 0x001d
signal ds 0x0020
signal do 0x0021
package dd 0x0006
event ce 0x0004
parameter ds 0x0001 str
parameter Meth 0x0003 enum UM:1 PM:2 FM:3
event d0 0x0010
event d1 0x0011
event d2 0x0012
event d3 0x0013
event d4 0x0014
event d5 0x0015
event d6 0x0016
event d7 0x0017
event d8 0x0018
event d9 0x0019
event da 0x001a
event db 0x001b
event dc 0x001c
event dd 0x001d
event ds 0x0020
event do 0x0021
package cg 0x0007
signal dt 0x0030
signal rt 0x0031
signal bt 0x0032
signal ct 0x0033
signal sit 0x0034
signal wt 0x0035
signal prt 0x0036
signal cw 0x0037
signal cr 0x0038
package cd 0x0008
event dt 0x0030
event rt 0x0031
event bt 0x0032
event ct 0x0033
event sit 0x0034
event wt 0x0035
event prt 0x0036
event cw 0x0037
event cr 0x0038
package al 0x0009
event on 0x0004
parameter strict 0x0001 enum exact:0 state:1 failWrong:2
parameter init 0x0002 bool
event of 0x0005
parameter strict 0x0001 enum exact:0 state:1 failWrong:2
parameter init 0x0002 bool
event fl 0x0006
parameter mindur 0x0004 int
parameter maxdur 0x0005 int
signal ri 0x0002
parameter cad 0x0006
parameter freq 0x0007 int
package ct 0x000a
event cmp 0x0005
parameter res 0x0008 enum
signal ct 0x0003
signal rsp 0x0004
package nt 0x000b
property jit 0x0007 int
event netfail 0x0005
parameter cs 0x0001 str
event qualert 0x0006
parameter th 0x0001 int
statistic dur 0x0001 int
statistic os 0x0002 int
statistic or 0x0003 int
package rtp 0x000c
event pltrans 0x0001
parameter rtppltype 0x0001
statistic ps 0x0004 int
statistic pr 0x0005 int
statistic pl 0x0006
statistic jit 0x0007 int
statistic delay 0x0008 int
package tdmc 0x000d
property ec 0x0008
property gain 0x000a
package bcp 0x001e
package gb 0x0021
event BNCChange 0x0001
parameter Type 0x0001
signal EstBNC 0x0001
signal ModBNC 0x0002
signal RelBNC 0x0003
parameter Generalcause 0x0001 enum NR:1 UR:2 FT:3 FP:4 IW:5 UN:6
parameter Failurecause 0x0002 str
package bt 0x0022
package chp 0x0029
package it 0x0045
event ito 0x0001
package ocp 0x0051
package fcp 0x006e
package ds 0x008b
property dscp 0x0001 oct
package gm 0x008c
package tman 0x008d
package hangterm 0x0098
event thb 0x0001
parameter timerx 0x0001 int
package ipnapt 0x0099
signal latch 0x0001
parameter napt 0x0001 enum OFF:0 LATCH:1 RELATCH:2
package nb 0x009a
package adid 0x009c
package ipdc 0x009d
property realm 0x0001 str
package mgcinfo 0x00a0
package seg 0x00a3
package fschp 0x00aa
package fcpoli 0x00ab
package adr 0x00ac
package rtcph 0x00b5
package sdpr 0x00bb
package sdpc 0x00bc
package stunb 0x00bd
package mgstunc 0x00be
package mgturnc 0x00bf
package mgcstunc 0x00c0
package stuni 0x00c1
package mgastuns 0x00c2
package ostuncc 0x00c3
package mgcostunr 0x00c4
package kar 0x00c5
package ipra 0x00e0
package lstat 0x00e4
package msrpstat 0x00ea
statistic mr 0x0001 int
statistic or 0x0002 int
statistic cr 0x0003 int
statistic ms 0x0004 int
statistic os 0x0005 int
statistic cs 0x0006 int
package msrpcs 0x00eb
package mess 0x00ec
package delmess 0x00ed
package msi 0x00ee
property room 0x0001 str
property participant 0x0002 str
package mf 0x00ef
property script 0x0001 str
statistic dropped 0x0002 int
package sminf 0x00f0
package recmess 0x00f1
package srtp 0x0107
package mcbalg 0x0108
package nattp2p 0x010d
package tcphp 0x010e
package tcptv 0x010f
package tcpccm 0x0110
package tcpcqm 0x0111
package rtpt 0x0114
package tcpbcc 0x0115
event BNCChange 0x0001
parameter Type 0x0001
signal EstBNC 0x0001
signal RelBNC 0x0003
package tcprm 0x0116
package tlsbsc 0x0117
property psk 0x0001 str
property pskid 0x0002 str
event BNCChange 0x0001
parameter Type 0x0001
signal EstBNC 0x0001
signal RelBNC 0x0003
package tlscn 0x0118
package tlsm 0x0119
package tlstv 0x011a
package seplink 0x011b
package aswp 0x011c
package mgbalg 0x011d
package dtlscn 0x011e
package sctpbcc 0x0121
package sctpreset 0x0122
package dcep 0x0124
"""
